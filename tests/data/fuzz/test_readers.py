"""Every reader on files that are damaged at random: a value or a LaminaError, in bounded memory.

``make fuzz`` goes on for ``FUZZ_SECONDS`` with each reader, drawing other files each time.
"""

from __future__ import annotations

import gzip
import io
import os
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.data.read.files import read_text
from lamina.data.read.pairs import read_pair_table, read_pairs, read_sources
from lamina.data.read.registry import PAIRS, SENTENCES, SEQUENCES, TABLES
from lamina.spec import LaminaError

_FRAME = pl.DataFrame({"id": [1, 1, 2], "x": [0.5, None, 2.0], "text": ["a, b", 'c "d"', "é"]})
_TABLE = 'id;x;text\n1;0,5;"a; b"\n1;;c\n2;2,0;"é\nf"\n'


def _framed(write: str) -> bytes:
    out = io.BytesIO()
    getattr(_FRAME, write)(out)
    return out.getvalue()


#: A sound file for each suffix of the registry; what has none in it fails the first test.
SEEDS: dict[str, bytes] = {
    ".csv": _TABLE.encode(),
    ".tsv": _TABLE.replace(";", "\t").encode(),
    ".jsonl": b'{"id": 1, "x": 0.5, "text": "a"}\n{"id": 2, "x": null, "text": ["b", "c"]}\n',
    ".parquet": _framed("write_parquet"),
    ".arrow": _framed("write_ipc"),
    ".ts": b"@problemName p\n@univariate true\n@classLabel true a b\n@data\n1,2,3:a\n4,5,6:b\n",
    ".conll": b"# id = 1\nAda NNP B-PER\nflew VBD O\n\nTo TO O\n",
    ".conllu": b"# id = 1\n1-2\tdon't\t_\t_\t_\t_\t_\t_\t_\t_\n1\tdo\t_\tAUX\t_\t_\t_\t_\t_\t_\n\n",
    ".fasta": b">a one\nMKVLL\nmk*\n>b\nACD\n",
    ".txt": b"go.\tva !\nrun\tcours\n",
}
_SAME = {
    ".ndjson": ".jsonl",
    ".feather": ".arrow",
    ".fas": ".fasta",
    ".fa": ".fasta",
    ".faa": ".fasta",
}
_INSERTED = [
    *(b"\0", b'"', b"\n", b"\r", b"\r\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\t", b",", b";"),
    *(b"#", b"\xb5\xe7", b"\xe9", b"9" * 400, b"-", b"sep=;\n", b"{", b"[" * 200),
]


def _table(path: Path) -> Any:
    return [block.texts(0) for block in TABLES.find(path)(path).blocks]


def _sentences(path: Path) -> Any:
    return SENTENCES.find(path).read(path, word=1, label=None, mask=None)


#: Every way to read, and the suffixes of its files.
READERS: dict[str, tuple[Callable[[Path], Any], list[str]]] = {
    "tables": (_table, TABLES.suffixes),
    "sequences": (lambda path: SEQUENCES.find(path)(path, labelled=True), SEQUENCES.suffixes),
    "sentences": (_sentences, SENTENCES.suffixes),
    "pairs": (read_pair_table, [*PAIRS.suffixes, ".txt", ".jsonl"]),
    "aligned": (lambda path: read_pairs(path, path), [".txt"]),
    "sources": (read_sources, [".txt"]),
    "text": (read_text, [".txt"]),
}
CASES = [(name, suffix) for name, (_, suffixes) in READERS.items() for suffix in suffixes]


@st.composite
def damaged(draw: st.DrawFn, seed: bytes) -> bytes:
    """``seed`` with bytes changed, cut out, repeated or put in, several times."""
    content = seed
    for _ in range(draw(st.integers(1, 6))):
        at, to = sorted((draw(st.integers(0, len(content))), draw(st.integers(0, len(content)))))
        how = draw(st.sampled_from(["flip", "cut", "truncate", "repeat", "insert", "concatenate"]))
        if how == "flip" and at < len(content):
            content = content[:at] + bytes([draw(st.integers(0, 255))]) + content[at + 1 :]
        elif how == "cut":
            content = content[:at] + content[to:]
        elif how == "truncate":
            content = content[:at]
        elif how == "repeat":
            content = content[:at] + content[at:to] * draw(st.integers(2, 5)) + content[to:]
        elif how == "insert":
            content = content[:at] + draw(st.sampled_from(_INSERTED)) + content[at:]
        else:
            content += seed
    return content


def test_every_suffix_has_a_seed() -> None:
    assert {_SAME.get(suffix, suffix) for _, suffix in CASES} == set(SEEDS)


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_damaged_files_are_read_or_refused(name: str, suffix: str, tmp_path: Path) -> None:
    read, _ = READERS[name]
    if suffix == ".ts":
        pytest.importorskip("sktime")
    path = tmp_path / f"t{suffix}"

    @given(damaged(SEEDS[_SAME.get(suffix, suffix)]), st.booleans())
    def attack(content: bytes, packed: bool) -> None:
        target = path.with_name(path.name + ".gz") if packed else path
        target.write_bytes(gzip.compress(content, 1) if packed else content)
        tracemalloc.start()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(target)
        except LaminaError as error:
            message = str(error)
        else:
            message = ""
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert "\n" not in message
        assert peak <= 3 * len(content) + (16 << 20)

    end = time.monotonic() + float(os.environ.get("FUZZ_SECONDS", "0"))
    attack()
    while time.monotonic() < end:
        attack()
