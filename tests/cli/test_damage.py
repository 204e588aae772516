"""A run folder in which bytes were lost or changed: the right answers, or one line."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import TINY, Outcome, lamina, write_data

#: What uses a run, and whether it may write there.
USES = {
    "evaluate": ("evaluate", "{run}", "{data}/more.csv"),
    "predict": ("predict", "{run}", "a lovely film", "a dull film", "--json"),
    "resume": ("train", "--resume", "{run}"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a finished run and one that was stopped after its second epoch."""
    folder = tmp_path_factory.mktemp("damage")
    write_data(folder)
    words = ["train", "classify", folder / "reviews.csv", "--text", "review"]
    words += ["--label", "sentiment", *TINY, "--epochs", 2, "--checkpoint-steps", 1]
    assert lamina(*words, "--out", folder / "ended").status == 0
    with pytest.MonkeyPatch.context() as patch:  # killed before it could say that it had ended
        patch.setattr("lamina.store.RunFolder.write_result", stop)
        patch.setattr("lamina.store.RunFolder.drop_checkpoints", lambda self: None)
        assert lamina(*words, "--out", folder / "stopped").status == 130
    assert (folder / "stopped" / "checkpoint" / "previous.safetensors").exists()
    return folder


def stop(*_: object) -> None:
    raise KeyboardInterrupt


def use(how: str, run: Path, data: Path) -> Outcome:
    return lamina(*(word.format(run=run, data=data) for word in USES[how]))


def damaged(content: bytes, data: st.DataObject) -> bytes:
    at = data.draw(st.integers(0, max(len(content) - 1, 0)), label="at")
    kind = data.draw(st.sampled_from(["cut", "flip", "drop", "empty"]), label="damage")
    if kind == "cut":
        return content[:at]
    if kind == "flip":
        bit = 1 << data.draw(st.integers(0, 7), label="bit")
        return content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]
    return content[:at] + content[at + 1 :] if kind == "drop" else b""


@pytest.mark.parametrize("which", ["ended", "stopped"])
@pytest.mark.parametrize("how", USES)
@given(data=st.data())
def test_damage_is_noticed_or_harmless(
    world: Path, which: str, how: str, data: st.DataObject
) -> None:
    expected = use(how, world / which, world) if how != "resume" else None
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch, "run")
        shutil.copytree(world / which, run)
        files = sorted(path.relative_to(run) for path in run.rglob("*") if path.is_file())
        file = run / data.draw(st.sampled_from(files), label="file")
        file.write_bytes(damaged(file.read_bytes(), data))
        outcome = use(how, run, world)
        assert "Traceback" not in outcome.err
        if outcome.status == 0 and expected is not None:
            assert outcome.out == expected.out
        elif outcome.status == 0:
            # The weights that are there are those of a whole run.
            sound = use("predict", run, world)
            assert sound.status == 0, sound.err
            json.loads((run / "result.json").read_bytes())
        else:
            assert outcome.status == 2
            assert outcome.out == ""
            last = outcome.err.splitlines()[-1]
            assert last.startswith("lamina: ")
