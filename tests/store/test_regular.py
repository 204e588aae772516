"""Names of pipes, devices and folders: refused at once, in one line, whoever opens them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import lamina
from lamina.cli.train import read_config
from lamina.data.read.files import fingerprint, read_bytes
from lamina.data.read.registry import PAIRS, SEQUENCES, TABLES
from lamina.data.speech.audio import read_audio
from lamina.depth.run.storage import open_storage, sqlite_url
from lamina.depth.tell import verdict
from lamina.spec import LaminaError
from lamina.store import RunFolder
from lamina.store.regular import open_regular, read_regular
from lamina.tasks import Classify
from lamina.train import Silent, fit

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")

READERS: dict[str, Callable[[Path], object]] = {
    **{f"t{s}": lambda path: TABLES.find(path)(path) for s in TABLES.suffixes},
    "t.csv.gz": lambda path: TABLES.find(path)(path),
    "t.tsv": lambda path: PAIRS.find(path)(path),
    "t.ts": lambda path: SEQUENCES.find(path)(path, labelled=False),
    "t.wav": lambda path: read_audio(path, 16_000),
    "bytes": read_bytes,
    "fingerprint": fingerprint,
    "config.json": read_config,
    "verdict.json": verdict.load,
    "study.db": lambda path: open_storage(sqlite_url(path)),
}


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_is_refused_and_waited_for_by_nobody(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(LaminaError, match=r"it is a pipe; need a regular file") as caught:
        READERS[name](tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name in READERS if name != "study.db"])
def test_a_link_to_a_device_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(LaminaError, match="it is a device; need a regular file"):
        READERS[name](tmp_path / name)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    task = Classify("digits", batch_size=400)
    torch.manual_seed(0)
    fit(task.model(width=2, depth=1), task, epochs=1, out=folder / "run", progress=Silent())
    return folder / "run"


@pytest.mark.parametrize("name", ["weights.safetensors", "scale.json"])
def test_a_run_with_a_pipe_in_it_is_refused(name: str, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / name).unlink()
    os.mkfifo(tmp_path / "run" / name)
    with pytest.raises(LaminaError, match=rf"{name}: cannot be read: it is a pipe"):
        lamina.load(tmp_path / "run")


def test_a_history_that_is_a_pipe_is_refused(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "history.jsonl").unlink()
    os.mkfifo(tmp_path / "run" / "history.jsonl")
    with pytest.raises(LaminaError, match=r"history\.jsonl: cannot be read: it is a pipe"):
        RunFolder.open(tmp_path / "run").history()


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match=r"it has 1,099,511,627,776 bytes; need at most"):
        read_regular(tmp_path / "sparse")


def test_no_handle_stays_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else None
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError):
            open_regular(path)
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before
