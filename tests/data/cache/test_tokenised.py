"""Texts as numbers: as if read whole, however they come; kept once, whole, and safely."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamina.data import Vocabulary, read_text, tokenise
from lamina.data.cache.sequences import cached_sequence_table
from lamina.data.read.decoding import decoding
from lamina.data.text.normalize import Normalizer
from lamina.spec import LaminaError, LaminaWarning

LEVELS, NORMALIZE = ("char", "word", "space"), ("none", "lower", "letters")
TEXT = "Don't stop, 3 Cats!\n\n  ΟΔΟΣ ΟΔΟΣ \n床前明月光。 e\u0301\u0600 x\tİı\r\nlast line"

on_files = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def keep_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamina.data.cache.build.KEEP_FROM", 0)
    monkeypatch.setattr("lamina.data.cache.build.KEEP_FROM_GZ", 0)


def spelled(text) -> list[str]:
    return [text.tokens[i] for i in text.ids]


def expected(text: str, level, normalize) -> list[str]:
    known = Vocabulary.build([text], level=level, normalize=normalize)
    return [known.tokens[i] for i in known.encode(text)]


@pytest.mark.parametrize("chunk", [4, 7, 1 << 20])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("normalize", NORMALIZE)
def test_chunks_do_not_show(tmp_path, monkeypatch, chunk, level, normalize) -> None:
    file = tmp_path / "a.txt.gz"
    file.write_bytes(gzip.compress(b"\xef\xbb\xbf" + TEXT.encode()))
    whole = read_text(file)
    monkeypatch.setattr("lamina.data.read.files.CHUNK", chunk)
    assert read_text(file) == whole
    parts, _ = tokenise(file, level=level, normalize=normalize)
    assert spelled(parts["train"]) == expected(whole, level, normalize)
    counts = np.bincount(parts["train"].ids, minlength=len(parts["train"].tokens))
    assert parts["train"].counts.tolist() == counts.tolist()
    assert not len(parts["test"].ids)


@on_files
@given(
    text=st.text(alphabet="aB é中\n\r\t.Σ", min_size=20, max_size=120).filter(str.strip),
    cuts=st.lists(st.integers(0, 120), max_size=6),
    level=st.sampled_from(LEVELS),
    normalize=st.sampled_from(NORMALIZE),
)
def test_normalising_in_pieces_is_normalising_at_once(text, cuts, level, normalize) -> None:
    whole = Normalizer(normalize, level)(text)
    inside = sorted(at for at in {*cuts} if 0 < at < len(text) and text[at - 1] in " \n")
    pieces = [text[a:b] for a, b in zip([0, *inside], [*inside, len(text)], strict=True)]
    normalizer = Normalizer(normalize, level)
    assert "".join(map(normalizer, pieces)) == whole


@on_files
@given(text=st.text(alphabet="ab \n中文", min_size=20, max_size=300).filter(str.strip))
def test_cutting_a_text_loses_nothing(tmp_path, text) -> None:
    file = tmp_path / "a.txt"
    file.write_text(text)
    parts, _ = tokenise(file, level="char", normalize="none", fractions=(0.6, 0.2, 0.2))
    found = [spelled(parts[part]) for part in ("train", "validation", "test")]
    assert "".join("".join(part) for part in found) == text


@on_files
@given(content=st.binary(max_size=80))
@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_random_bytes_are_read_or_refused(tmp_path, monkeypatch, content, name) -> None:
    monkeypatch.setattr("lamina.data.read.files.CHUNK", 4)
    file = tmp_path / name
    file.write_bytes(content)
    try:
        parts, _ = tokenise(file, level="char", normalize="none")
    except LaminaError as caught:
        error = caught
    else:
        assert "".join(spelled(parts["train"])) == read_text(file)
        return
    assert "\n" not in str(error)
    assert str(error.place).startswith(str(file))


@pytest.mark.parametrize("chunk", [4, 5, 1 << 20])
def test_a_bad_byte_is_named_by_its_line_in_any_chunk(tmp_path, monkeypatch, chunk) -> None:
    monkeypatch.setattr("lamina.data.read.files.CHUNK", chunk)
    file = tmp_path / "a.txt"
    for content, line in (
        (b"one\ntwo\ncaf\xe9\n", 3),
        (b"\xef\xbb\xbfa\n\xc3", 2),
        (b"a\n\n\0", 3),
    ):
        file.write_bytes(content)
        with pytest.raises(LaminaError) as caught, decoding("utf-8"):
            tokenise(file, level="char", normalize="none")
        assert caught.value.place == f"{file}:{line}"


@pytest.mark.parametrize("chunk", [4, 5, 1 << 20])
def test_an_encoding_is_detected_in_any_chunk(tmp_path, monkeypatch, chunk) -> None:
    monkeypatch.setattr("lamina.data.read.files.CHUNK", chunk)
    file = tmp_path / "a.txt"
    file.write_bytes(b"one\ntwo\ncaf\xe9\n")
    with pytest.warns(LaminaWarning, match="read as Windows-1252"):
        parts, _ = tokenise(file, level="char", normalize="none")
    assert "".join(spelled(parts["train"])) == "one\ntwo\ncafé\n"


def test_numbers_take_the_room_they_need(tmp_path) -> None:
    file = tmp_path / "a.txt"
    for most, dtype in ((200, "u1"), (3000, "u2"), (70_000, "u4")):
        file.write_text(" ".join(str(i) for i in range(most)) + " 0 1", encoding="utf-8")
        parts, _ = tokenise(file, level="space", normalize="none")
        assert parts["train"].ids.dtype == np.dtype(dtype)
        assert parts["train"].ids.tolist() == [*range(most), 0, 1]


def test_a_large_file_is_read_once(tmp_path, monkeypatch, cache, capsys) -> None:
    keep_all(monkeypatch)
    file = tmp_path / "a.txt"
    file.write_text("a b\n" * 50)

    def read(**changes):
        return tokenise(file, **{"level": "word", "normalize": "none", **changes})[0]["train"]

    first = read()
    assert first.on_disk
    assert "LAMINA_CACHE" in capsys.readouterr().err
    again = read()
    assert capsys.readouterr().err == ""
    assert spelled(again) == spelled(first)
    made = set((cache / "texts").iterdir())
    read(normalize="lower")
    read(level="char")
    file.write_text("a c\n" * 50)
    assert "c" in read().tokens
    assert len(set((cache / "texts").iterdir()) - made) == 3


@pytest.mark.parametrize("name", ["train.bin", "about.json", "tokens.json", "train-counts.bin"])
def test_what_was_damaged_is_made_again(tmp_path, monkeypatch, cache, name) -> None:
    keep_all(monkeypatch)
    file = tmp_path / "a.txt"
    file.write_text("a b\n" * 50)
    tokenise(file, level="word", normalize="none")
    [folder] = (cache / "texts").iterdir()
    for damage in (lambda f: f.write_bytes(f.read_bytes()[:-1]), Path.unlink):
        damage(folder / name)
        parts, _ = tokenise(file, level="word", normalize="none")
        assert spelled(parts["train"]) == ["a", "b"] * 50


def test_an_interrupted_build_leaves_nothing_that_counts(tmp_path, monkeypatch, cache) -> None:
    keep_all(monkeypatch)
    file = tmp_path / "a.txt"
    file.write_text("a b\n" * 50)
    with monkeypatch.context() as patch:
        patch.setattr("lamina.data.cache.encoder.Encoder.end", lambda _: 1 / 0)
        # A process that is killed cannot tidy up.
        patch.setattr("lamina.store.cache.shutil.rmtree", lambda *_, **__: None)
        with pytest.raises(ZeroDivisionError):
            tokenise(file, level="word", normalize="none")
    assert [p.suffix for p in (cache / "texts").iterdir() if p.is_dir()] == [".tmp"]
    parts, _ = tokenise(file, level="word", normalize="none")
    assert spelled(parts["train"]) == ["a", "b"] * 50
    [left] = (cache / "texts").iterdir()
    assert left.suffix == ""


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch) -> None:
    keep_all(monkeypatch)
    file = tmp_path / "a.txt"
    file.write_text("a b\n")
    monkeypatch.setenv("LAMINA_CACHE", str(file))
    with pytest.raises(LaminaError, match="LAMINA_CACHE"):
        tokenise(file, level="word", normalize="none")


def _many(file: Path, results) -> None:
    parts, _ = tokenise(file, level="word", normalize="none", fractions=(0.5, 0.25, 0.25))
    results.put((os.getpid(), sum(len(part.ids) for part in parts.values())))


def test_processes_that_build_at_once(tmp_path, monkeypatch, cache) -> None:
    keep_all(monkeypatch)
    file = tmp_path / "a.txt"
    file.write_text("some words here\n" * 20_000)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [context.Process(target=_many, args=(file, results)) for _ in range(3)]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert {count for _, count in found} == {60_000}
    assert len(list((cache / "texts").iterdir())) == 1


def test_sequences_are_kept_too(tmp_path, monkeypatch, cache) -> None:
    file = tmp_path / "s.csv"
    rows = [f"{i % 3},{i},{i / 7},{'ab'[i % 3 == 0]}" for i in range(30)]
    file.write_text("\n".join(["run,x,y,state", *rows]))
    small = cached_sequence_table(file, id="run", label="state")
    assert not cache.exists()
    keep_all(monkeypatch)
    first, again = (cached_sequence_table(file, id="run", label="state") for _ in range(2))
    for table in (first, again):
        assert (table.ids, table.labels, table.features) == (small.ids, small.labels, ["x", "y"])
        for a, b in zip(table.sequences, small.sequences, strict=True):
            np.testing.assert_array_equal(a, b)
    [folder] = (cache / "sequences").iterdir()
    shutil.copy(folder / "about.json", folder / "steps.bin")
    np.testing.assert_array_equal(
        cached_sequence_table(file, id="run", label="state").sequences[1], small.sequences[1]
    )


def test_wikitext_has_the_counts_of_its_authors() -> None:
    data = os.environ.get("LAMINA_DATA")
    if not data or not Path(data, "wikitext2").is_dir():
        pytest.skip("no wikitext2 in $LAMINA_DATA")
    test, _ = tokenise(Path(data, "wikitext2", "wiki.test.tokens"), level="space", normalize="none")
    assert len(test["train"].ids) == 245_569
    vocabulary = Vocabulary.from_counts(dict.fromkeys(test["train"].tokens, 1), level="space")
    assert vocabulary.id_of("<unk>") == vocabulary.unknown
    assert vocabulary.id_of("<eos>") != vocabulary.unknown
