"""Every example runs: scripts as they are, configurations cut down."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import quickstart
from command_line import lamina, write_data

EXAMPLES = Path(quickstart.__file__).parent
CONFIGURATIONS = sorted(EXAMPLES.glob("*.json"))


def test_quickstart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    quickstart.main(tmp_path, epochs=2, seeds=1)
    out = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"[\d,]+ parameters, test accuracy \d+\.\d%", out[1])
    for line in out[2:]:
        assert re.search(r"(?: \d){8}$", line)


@pytest.mark.parametrize("file", CONFIGURATIONS, ids=lambda file: file.stem)
def test_configuration(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``lamina train --config`` takes it; only the text, the width and the length are smaller."""
    write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    config = json.loads(file.read_text(encoding="utf-8"))
    assert config["task"]["name"] == "language-model"
    config["task"]["data"]["source"] = "book.txt"
    config["model"]["options"]["width"] = 8
    config["training"]["epochs"] = 1
    Path("small.json").write_text(json.dumps(config))
    outcome = lamina("train", "--config", "small.json", "--out", "run")
    assert outcome.status == 0, outcome.err
    kept = json.loads(Path("run/config.json").read_text())
    for part in ("model", "training"):
        given = config[part].get("options", config[part])
        assert given.items() <= kept[part].get("options", kept[part]).items()


def test_there_are_configurations() -> None:
    assert CONFIGURATIONS


def test_the_list_names_every_example() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([\w.]+)`", text, re.MULTILINE))
    assert listed == {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".json")}
