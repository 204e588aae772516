"""A task gets the same examples from every format that can hold them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from lamina.spec import LaminaError
from lamina.tasks import Classify, Forecast, Transcribe, Translate
from speech_maker import write_strings

WRITERS: dict[str, Callable[[pl.DataFrame, Path], Any]] = {
    ".csv": pl.DataFrame.write_csv,
    ".jsonl": pl.DataFrame.write_ndjson,
    ".parquet": pl.DataFrame.write_parquet,
    ".feather": pl.DataFrame.write_ipc,
}
#: Those that are compared with CSV.
OTHERS = [suffix for suffix in WRITERS if suffix != ".csv"]


def same_batches(one: Any, other: Any) -> None:
    """Train, validation and test are the same, number for number."""
    for part in ("train", "validation", "test"):
        first, second = one.batches(part), other.batches(part)
        assert len(first) == len(second) > 0
        for a, b in zip(first, second, strict=True):
            for field in dataclasses.fields(a):
                left, right = getattr(a, field.name), getattr(b, field.name)
                same = torch.equal(left, right) if torch.is_tensor(left) else left == right
                assert same, field.name


def written(frame: pl.DataFrame, folder: Path, suffix: str) -> Path:
    path = folder / f"data{suffix}"
    WRITERS[suffix](frame, path)
    return path


@pytest.mark.parametrize("suffix", OTHERS)
def test_classify_texts(tmp_path: Path, suffix: str) -> None:
    texts = [f"{('good', 'bad')[i % 2]} film {i}" for i in range(60)]
    frame = pl.DataFrame({"text": texts, "stars": [i % 2 for i in range(60)]})
    made = [
        Classify(written(frame, tmp_path, each), text="text", label="stars", min_count=1)
        for each in (".csv", suffix)
    ]
    same_batches(*made)


@pytest.mark.parametrize("suffix", OTHERS)
def test_classify_sequences(tmp_path: Path, suffix: str) -> None:
    steps, rng = 300, np.random.default_rng(0)
    frame = pl.DataFrame({
        "id": [i // 5 for i in range(steps)],
        "label": [i // 5 % 2 == 0 for i in range(steps)],
        "x": rng.normal(size=steps),
        "n": rng.integers(-9, 9, steps),
    })  # fmt: skip
    same_batches(*(Classify(written(frame, tmp_path, e), id="id") for e in (".csv", suffix)))


@pytest.mark.parametrize("suffix", OTHERS)
def test_forecast(tmp_path: Path, suffix: str) -> None:
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 6, 1), eager=True)
    frame = pl.DataFrame({"date": days, "a": np.sin(np.arange(len(days)) / 3)})
    made = [
        Forecast(written(frame, tmp_path, each), look_back=8, horizon=2)
        for each in (".csv", suffix)
    ]
    same_batches(*made)


@pytest.mark.parametrize("suffix", OTHERS)
def test_translate(tmp_path: Path, suffix: str) -> None:
    pairs = {"de": [f"eins zwei {i}" for i in range(60)], "en": [f"one two {i}" for i in range(60)]}
    rows = zip(pairs["de"], pairs["en"], strict=True)
    (tmp_path / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in rows))
    table = written(pl.DataFrame(pairs), tmp_path, suffix)
    same_batches(*(Translate(path, subwords=300) for path in (tmp_path / "pairs.tsv", table)))


@pytest.mark.parametrize("suffix", OTHERS)
def test_transcribe(tmp_path: Path, suffix: str) -> None:
    manifest = write_strings(tmp_path, 20)
    table = tmp_path / f"table{suffix}"
    WRITERS[suffix](pl.read_csv(manifest, infer_schema=False), table)
    same_batches(*(Transcribe(path) for path in (manifest, table)))


def test_what_the_suffix_refuses_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.xlsx"
    path.write_text("x")
    for make in (
        lambda: Classify(path, text="text"),
        lambda: Classify(path, id="id"),
        lambda: Forecast(path),
        lambda: Transcribe(path),
    ):
        with pytest.raises(LaminaError, match=r"'\.xlsx'; need one of .*\.parquet") as caught:
            make()
        assert caught.value.place == str(path)
