"""Every task says what it learns from: once, in order, in a few short lines."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lamina.cli.description import LINES, block
from lamina.spec import ColumnsWarning, LaminaWarning
from lamina.tasks import TASKS, Classify, Forecast, Translate
from task_cases import CASES, Case, each_case
from task_world import ROWS, SIZES, write_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("world")
    write_world(folder / "plain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMINA_CACHE", str(folder / "cache"))
        yield folder / "plain"


def test_every_task_is_held_to_it() -> None:
    assert {case.task for case in CASES.values()} == set(TASKS)


@each_case
def test_a_task_says_what_it_learns_from(
    case: Case, world: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    task = case.open(world)
    facts = task.describe()
    assert capfd.readouterr() == ("", "")  # the library prints nothing itself
    assert dict(task.sizes()) in [*facts.values()]
    assert msgspec.json.decode(msgspec.json.encode(facts)) == facts
    said = [
        name for name in ("classes", "labels", "target", "vocabulary", "series") if name in facts
    ]
    assert said, facts
    lengths = [fact for heading, fact in facts.items() if heading.split()[-1] in ("each", "text")]
    for fact in lengths:
        if isinstance(fact, dict):
            assert 1 <= fact["median"] <= fact["longest"]
    lines = block(facts)
    assert len(lines) <= LINES * len(facts)
    assert max(map(cell_len, lines)) <= 80
    for heading in facts:
        assert any(line.startswith(heading) for line in lines)


def test_figures_are_those_of_the_files(world: Path) -> None:
    rows = [
        line.rpartition(",") for line in (world / "reviews.train.csv").read_text().splitlines()[1:]
    ]
    facts = CASES["reviews"].open(world).describe()
    labels = [label for _, _, label in rows]
    assert facts["classes"] == {name: labels.count(name) for name in ("up", "down")}
    assert facts["texts"] == SIZES
    assert facts["tokens a text"]["longest"] == max(len(text.split()) for text, _, _ in rows)
    series = CASES["series"].open(world).describe()
    assert series["series"] == ["sales", "heat"]
    assert series["covariates"] == ["promotion"]
    assert series["shop"] == ["a", "b"]
    assert series["rows"] == {"train": 120, "validation": 40, "test": 40}
    known = [row.split(",") for row in (world / "series.csv").read_text().split()[1:]]
    missing = sum(not row[2] for row in known if int(row[0]) <= sum(ROWS) - 1)
    assert series["filled"] == {"sales": missing}


def test_columns_and_pairs_that_are_left_out(tmp_path: Path) -> None:
    rows = [f"{i // 3},{i},a,{i // 3 % 2}" for i in range(60)]
    (tmp_path / "s.csv").write_text("\n".join(["id,x,note,label", *rows]) + "\n")
    with pytest.warns(ColumnsWarning):
        task = Classify(tmp_path / "s.csv", id="id")
    facts = task.describe()
    assert facts["features"] == ["x"]
    assert facts["left out"] == {"note": "text"}
    rows = [f"{i},{i % 7},a" for i in range(60)]
    (tmp_path / "f.csv").write_text("\n".join(["date,x,note", *rows]) + "\n")
    with pytest.warns(ColumnsWarning):
        forecast = Forecast(tmp_path / "f.csv", look_back=4, horizon=2)
    assert forecast.describe()["left out"] == {"note": "text"}
    assert forecast.describe()["times"] == "0 to 59, 1 apart"
    pairs = [f"{'one ' * (30 if i == 3 else 1)}{i}\teins {i}" for i in range(40)]
    (tmp_path / "p.tsv").write_text("\n".join(pairs) + "\n")
    task = Translate(tmp_path / "p.tsv", subwords=280, max_tokens=20, fractions=(1, 0, 0))
    assert task.describe()["left out"] == {"1 training pair": "over 20 tokens"}


_FACTS = st.one_of(
    st.text(),
    st.integers(0, 10**9),
    st.lists(st.text(max_size=60)),
    st.dictionaries(st.text(max_size=60), st.integers(0, 10**6)),
    st.dictionaries(st.text(max_size=60), st.text(max_size=200)),
)


@given(st.dictionaries(st.sampled_from(["features", "left out", "classes"]), _FACTS))
def test_no_block_is_wide_or_long(facts) -> None:
    lines = block(facts)
    assert len(lines) <= LINES * len(facts)
    assert max(map(cell_len, lines), default=0) <= 80


def test_many_names_are_counted() -> None:
    (first, second) = block({"classes": {f"class{i}": 1000 - i for i in range(500)}})
    assert first.startswith("classes  class0 1,000, class1 999, ")
    shown = (first + second).count(" class")
    assert second.endswith(f" and {500 - shown} more")
    assert block({"a": [], "classes": ["", "a\nb", "ok"]}) == [
        "a        ",
        "classes  '', 'a\\nb', ok",
    ]


def test_what_never_changes_in_training_is_said(tmp_path: Path) -> None:
    rows = [f"{i},{i % 7},{5 if i < 45 else i}" for i in range(60)]
    (tmp_path / "f.csv").write_text("\n".join(["date,x,flat", *rows]) + "\n")
    with pytest.warns(LaminaWarning, match="'flat' never changes in the training part"):
        forecast = Forecast(tmp_path / "f.csv", look_back=4, horizon=2)
    assert forecast.describe()["constant"] == ["flat"]
    rows = [f"{i // 3},{i},5,{i // 3 % 2}" for i in range(60)]
    (tmp_path / "s.csv").write_text("\n".join(["id,x,flat,label", *rows]) + "\n")
    assert Classify(tmp_path / "s.csv", id="id").describe()["constant"] == ["flat"]
