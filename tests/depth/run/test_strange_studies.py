"""Studies that somebody altered: read as before, or refused in one line, with no wait."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from depth_toy import Toy
from lamina.depth import search
from lamina.depth.job import Job
from lamina.depth.run import storage
from lamina.depth.run.claim import claimed
from lamina.depth.run.storage import sqlite_url
from lamina.depth.tell.progress import SilentSearch
from lamina.depth.trials import read_trial, run_folder, save_trial
from lamina.spec import LaminaError
from mortal import SEARCH, outcome
from sharing import JOB, machine, trial

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x"
TRIAL = "UPDATE trial_user_attributes SET value_json = '{}' WHERE key = 'trial'"

#: What is done to a study, and what is said; empty: it is read as if nothing had been done.
CHANGES = {
    "DELETE FROM trials": "has rows of what is no longer there",
    "DELETE FROM trial_user_attributes": "",
    "DELETE FROM trial_user_attributes WHERE key = 'value'": "a value and its name go together",
    "DELETE FROM trial_values": "",
    "DELETE FROM trial_params": "",
    "DELETE FROM studies": "has rows of what is no longer there",
    "DELETE FROM study_directions": "",
    "DELETE FROM version_info": "",
    "DELETE FROM alembic_version": "",
    "UPDATE alembic_version SET version_num = 'x'": "no longer compatible",
    "INSERT INTO alembic_version VALUES ('y')": "is not the study of a search: ",
    "UPDATE trials SET state = 'x'": "its table trials is not lamina's: 'x' is not among",
    "UPDATE trials SET state = 3": "its table trials is not lamina's",
    "UPDATE trials SET number = 'x'": "its table trials is not lamina's: Expected `int`",
    "UPDATE trials SET number = NULL": "its table trials is not lamina's",
    "UPDATE trials SET number = -1": "its table trials is not lamina's",
    "UPDATE trials SET number = 0": "two trials have the same number",
    "UPDATE trials SET datetime_start = 'x'": "its table trials is not lamina's",
    "UPDATE trials SET datetime_complete = 7": "its table trials is not lamina's",
    "UPDATE trial_user_attributes SET value_json = 'x'": "trial_user_attributes is not lamina's",
    "UPDATE trial_user_attributes SET value_json = NULL": "trial_user_attributes is not lamina's",
    "UPDATE trial_user_attributes SET value_json = 5": "trial_user_attributes is not lamina's",
    "UPDATE trial_user_attributes SET value_json = x'ff'": "trial_user_attributes is not lamina's",
    "UPDATE trial_user_attributes SET value_json = 'NaN'": "trial_user_attributes is not lamina's",
    TRIAL: "trial_user_attributes is not lamina's: Object missing required field `job`",
    TRIAL.replace("{}", "[" * 5000): "trial_user_attributes is not lamina's",
    TRIAL.replace("'{}'", "replace(value_json, '\"seed\": 1', '\"seed\": 7')"): "the trial of",
    "UPDATE trial_user_attributes SET value_json = '3' WHERE key = 'job'": "is not lamina's",
    "UPDATE trial_params SET param_value = 1e999": "trial_params is not lamina's",
    "UPDATE trial_params SET param_value = 'x'": "trial_params is not lamina's",
    "UPDATE trial_params SET param_name = NULL": "trial_params is not lamina's",
    "UPDATE trial_params SET distribution_json = '{}'": "trial_params is not lamina's",
    "UPDATE trial_values SET value = 'x'": "trial_values is not lamina's",
    "UPDATE trial_values SET objective = 4": "trial_values is not lamina's",
    "UPDATE trial_values SET value_type = 'x'": "trial_values is not lamina's",
    "ALTER TABLE trials ADD COLUMN more": "its table trials has another column more",
    "ALTER TABLE trials DROP COLUMN number": "its table trials has no column number",
    "ALTER TABLE trial_values RENAME COLUMN value TO x": "has no column value",
    "DROP TABLE trial_values": "it has no table trial_values",
    "DROP TABLE studies": "it has no table studies",
    "CREATE TABLE more (x)": "",
    "CREATE VIEW more AS SELECT 1 AS x": "more is a view, which lamina does not make",
    f"DROP TABLE trial_values; CREATE VIEW trial_values AS {ENDLESS} FROM n": "is a view",
    f"DROP TABLE studies; CREATE VIEW studies AS {ENDLESS} FROM n": "is a view",
    "CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM studies; END": "is a trigger",
    "CREATE VIRTUAL TABLE t USING fts5(x)": "is a table, which lamina does not make",
    "INSERT INTO trial_system_attributes VALUES (1, 1, 'x', '1')": "lamina writes none",
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study: an agreed value, a trial, and another that runs."""
    folder = tmp_path_factory.mktemp("sound")
    with machine(sqlite_url(folder / "study.db"), folder) as ledger:
        ledger.agree("costs", lambda: [1, 2])
        ledger.claim(JOB)
        ledger.finish(trial())
        ledger.claim(Job(depth=1, seed=0))
    return folder


@pytest.mark.timeout(60)
@pytest.mark.parametrize("change", CHANGES)
def test_it_is_read_as_before_or_refused_in_one_line(sound, tmp_path, change):
    folder = tmp_path / "study"
    shutil.copytree(sound, folder)
    with sqlite3.connect(folder / "study.db") as connection:
        connection.executescript(change)
    connection.close()
    if CHANGES[change]:
        with pytest.raises(LaminaError) as caught:
            machine(sqlite_url(folder / "study.db"), folder)
        said = str(caught.value)
        assert CHANGES[change] in said
        assert "study.db: is not the study of a search: " in said
        assert "Move it away, or name another database" in said
        assert "\n" not in said
        return
    with machine(sqlite_url(folder / "study.db"), folder) as ledger:
        assert ledger.finished([JOB]) in ([], [trial()])
        assert ledger.agree("costs", lambda: [1, 2]) == [1, 2]
        if not ledger.finished([JOB]):
            assert ledger.claim(JOB)
            assert ledger.finish(trial()) == trial()
        assert ledger.finished([JOB]) == [trial()]


def test_a_file_of_no_bytes_is_a_new_study(tmp_path):
    (tmp_path / "study.db").touch()
    assert machine(sqlite_url(tmp_path / "study.db"), tmp_path).claim(JOB)


def test_a_file_of_another_program_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "study.db") as connection:
        connection.execute("CREATE TABLE places (x)")
    connection.close()
    before = (tmp_path / "study.db").read_bytes()
    with pytest.raises(LaminaError, match="it has the table places, and none of a study"):
        machine(sqlite_url(tmp_path / "study.db"), tmp_path)
    assert (tmp_path / "study.db").read_bytes() == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_file_that_is_read_only_is_said_to_be(sound, tmp_path):
    shutil.copytree(sound, tmp_path / "s")
    (tmp_path / "s" / "study.db").chmod(0o444)
    with pytest.raises(LaminaError, match=r"study\.db: is read-only; .*Make it writable"):
        machine(sqlite_url(tmp_path / "s" / "study.db"), tmp_path / "s")


def test_a_file_that_is_locked_is_said_to_be(sound, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "PATIENCE", 0.1)
    shutil.copytree(sound, tmp_path / "s")
    other = sqlite3.connect(tmp_path / "s" / "study.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LaminaError, match="is locked by another program"):
        machine(sqlite_url(tmp_path / "s" / "study.db"), tmp_path / "s")
    other.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "UPDATE trial_user_attributes SET value_json = '[]' WHERE key = 'value'",
            "lamina did not",
        ),
        (
            "UPDATE trial_user_attributes SET value_json = replace(value_json, 'step_ms\": ',"
            " 'step_ms\": -') WHERE key = 'value'",
            "has step times that lamina did not write",
        ),
        (
            "UPDATE trial_user_attributes SET value_json = replace(value_json, '\"asked {',"
            " '\"asked [') WHERE key = 'said'",
            "has a record that lamina did not write",
        ),
    ],
)
def test_a_search_refuses_values_that_nobody_agreed_on(tmp_path, change, words):
    out = tmp_path / "out"
    whole = search(Toy(), out=out, progress=SilentSearch(), **SEARCH)
    with sqlite3.connect(out / "study.db") as connection:
        connection.executescript(change)
    connection.close()
    with pytest.raises(LaminaError, match=words):
        search(Toy(), out=out, progress=SilentSearch(), **SEARCH)
    (out / "study.db").unlink()  # as it is said
    assert outcome(search(Toy(), out=out, progress=SilentSearch(), **SEARCH)) == outcome(whole)


@pytest.mark.parametrize("name", ["study.db", "trials", "search.json", "owner.txt"])
def test_links_out_of_the_folder_are_refused(tmp_path, name):
    out, outside = tmp_path / "out", tmp_path / "outside"
    out.mkdir()
    outside.mkdir()
    (out / "search.json").write_text("{}")
    (out / name).unlink(missing_ok=True)
    (out / name).symlink_to(outside)
    with (
        pytest.raises(LaminaError, match=f"{name}: is a link that leads out of its folder"),
        claimed(out, {}),
    ):
        pass
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("value", ["[]", "[7]"])
def test_times_of_the_networks_that_were_judged_are_checked_too(tmp_path, value):
    out = tmp_path / "out"
    asked = {**SEARCH, "vary": {"lr": (0.01, 0.02)}}
    search(Toy(), out=out, progress=SilentSearch(), **asked)
    of_those = "SELECT trial_id FROM trial_user_attributes WHERE value_json LIKE '%times of%lr%'"
    with sqlite3.connect(out / "study.db") as connection:
        changed = connection.execute(
            "UPDATE trial_user_attributes SET value_json = ? "
            f"WHERE key = 'value' AND trial_id IN ({of_those})",
            [value],
        )
        assert changed.rowcount == 1
    connection.close()
    with pytest.raises(LaminaError, match="has step times that lamina did not write"):
        search(Toy(), out=out, progress=SilentSearch(), **asked)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("parameters", -1),
        ("best_epoch", -1),
        ("epochs", -3),
        ("steps", 2**70),
        ("seconds", -1.0),
        ("tokens_per_second", -1.0),
        ("step_ms", -1.0),
        ("value", "x"),
        ("values", [[-3, 0.5]]),
        ("values", [[1, 0.5]]),
        ("values", [[1, 0.5], [1, 0.6]]),
        ("curves", [[7, [[1, 0.5]]]]),
        ("shares", [[0, 0.5]]),
    ],
)
def test_a_trial_that_no_search_wrote_is_refused(tmp_path, name, value):
    run_folder(tmp_path, JOB).mkdir(parents=True)
    save_trial(tmp_path, trial())
    assert read_trial(tmp_path, JOB) == trial()
    (file,) = tmp_path.rglob("trial.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), name: value}))
    with pytest.raises(
        LaminaError, match=r"trial\.json: is not the trial of a search: .*Delete it"
    ):
        read_trial(tmp_path, JOB)
