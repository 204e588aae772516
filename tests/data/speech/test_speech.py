"""Recordings: files that are broken, manifests, features whole and in pieces, the store, and what
training does to them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamina.data.cache import features
from lamina.data.cache.features import cached_features
from lamina.data.prepare.standardize import Standardizer
from lamina.data.read.manifest import read_manifest
from lamina.data.speech.audio import read_audio, sampling_rate
from lamina.data.speech.augment import SpeechAugmentation
from lamina.data.speech.mel import LogMel
from lamina.spec import LaminaError
from speech_maker import RATE, samples

on_files = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def encoded(
    x: np.ndarray, kind: str = "WAV", rate: int = RATE, subtype: str | None = None
) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, x, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def write(folder: Path, content: bytes, name: str = "a.wav") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def refusal(path: Path, **options) -> str:
    with pytest.raises(LaminaError) as caught:
        read_audio(path, RATE, **options)
    assert "\n" not in str(caught.value)
    assert caught.value.place == str(path)
    return caught.value.message


def read_or_refused(call: Callable[[], Any]) -> Any:
    """What ``call`` gives; ``None`` where it refuses in one line."""
    refused = contextlib.ExitStack()
    with contextlib.suppress(LaminaError), refused:
        refused.push(lambda _, error, __: one_line(error))
        return call()
    return None


def one_line(error: BaseException | None) -> None:
    assert "\n" not in str(error)


X = samples(["do", "mi"])
NAN = X.copy()
NAN[7] = np.nan


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_what_was_written_is_read(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, encoded(X, kind))
    assert sampling_rate(path) == RATE
    found = read_audio(path, RATE)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, X, atol=0.1 if kind == "OGG" else 1e-4)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"hello, this is text\n" * 9, "is no audio that can be read"),
        (encoded(X)[:20], "is no audio that can be read"),
        (encoded(X)[:44], "is cut off"),
        (encoded(X)[:2000], "is cut off"),
        (encoded(X, "FLAC")[:2000], "is no audio that can be read"),
        (encoded(X[:0]), "holds no samples"),
        (encoded(NAN, subtype="FLOAT"), "sample 8 is no finite number"),
        (encoded(np.stack((X, X), axis=1)), "got 2 channels; need 1. Mix them"),
        (encoded(X, rate=16000), "got 16000 samples a second; need 8000"),
    ],
)
def test_broken_files_cost_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refusal(write(tmp_path, content))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.wav").startswith("no such file")
    assert refusal(tmp_path).startswith("got a folder")


@on_files
@given(st.one_of(st.binary(max_size=200), st.tuples(st.integers(0, 300), st.integers(0, 255))))
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_damage_is_read_or_refused(tmp_path: Path, kind: str, damage) -> None:
    if isinstance(damage, bytes):
        content = damage
    else:
        content = bytearray(encoded(X[:500], kind))
        content[damage[0] % len(content)] = damage[1]
    path = write(tmp_path, bytes(content))
    found = read_or_refused(lambda: read_audio(path, RATE, resample=True))
    assert found is None or np.isfinite(found).all()


def test_another_rate_is_resampled_where_that_is_asked_for(tmp_path: Path) -> None:
    x = np.sin(2 * np.pi * 300 * np.arange(16000) / 16000)
    found = read_audio(write(tmp_path, encoded(x, rate=16000)), RATE, resample=True)
    assert len(found) == 8000
    expected = np.sin(2 * np.pi * 300 * np.arange(8000) / 8000)
    np.testing.assert_allclose(found[100:-100], expected[100:-100], atol=0.01)


# --- manifests


def test_a_manifest_is_relative_to_itself(tmp_path: Path) -> None:
    path = write(tmp_path, b"file,said,who,part\na/b.wav, one two ,x,train\n", "m.csv")
    found = read_manifest(path, audio="file", text="said", speaker="who", split="part")
    assert found.audio == [tmp_path / "a" / "b.wav"]
    assert (found.texts, found.speakers, found.parts) == (["one two"], ["x"], ["train"])
    assert found.places == [f"{path}:2"]
    assert read_manifest(path, audio="file", text=None).texts is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("audio,text\n", "got a header and no rows"),
        ("audio,words\na,b\n", ":1: no column 'text' (--text)"),
        ("audio,text\na.wav,\n", ":2: column 'text' is empty"),
        ("audio,text,part\na.wav,b,tset\n", ":2: column 'part' is 'tset'; need one of train,"),
    ],
)
def test_manifests_that_are_wrong(tmp_path: Path, content: str, words: str) -> None:
    path = write(tmp_path, content.encode(), "m.csv")
    with pytest.raises(LaminaError) as caught:
        read_manifest(path, audio="audio", text="text", split="part" if "part" in content else None)
    assert words in str(caught.value)
    with pytest.raises(LaminaError, match="named for two uses"):
        read_manifest(path, audio="audio", text="audio")


@on_files
@given(st.binary(max_size=60))
@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_any_bytes_are_a_manifest_or_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = write(tmp_path, b"audio,text\n" + content, f"m.{suffix}")
    found = read_or_refused(lambda: read_manifest(path, audio="audio", text="text"))
    assert found is None or found.places


# --- features


@given(st.lists(st.integers(0, 900), max_size=8), st.sampled_from([10.0, 12.5]))
def test_features_of_pieces_are_those_of_the_whole(sizes: list[int], step_ms: float) -> None:
    kind = LogMel(rate=RATE, bins=20, step_ms=step_ms)
    whole = kind(X)
    stream = kind.stream()
    pieces = [stream.feed(piece) for piece in np.split(X, np.cumsum(sizes).clip(max=len(X)))]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_frames_reach_over_no_end() -> None:
    kind = LogMel(rate=RATE)  # frames of 200 samples, one each 80
    assert [len(kind(X[:n])) for n in (0, 199, 200, 279, 280, 1000)] == [0, 0, 1, 1, 2, 11]
    later = kind(X[80:])
    np.testing.assert_array_equal(kind(X)[1:], later)


def test_a_tone_is_loudest_in_its_band() -> None:
    kind = LogMel(rate=RATE, bins=30)
    bands = [kind(samples([word]))[8].argmax() for word in ("do", "re", "mi", "fa")]
    assert bands == sorted(set(bands))


@pytest.mark.parametrize("values", [{"bins": 2}, {"window_ms": 0.0}, {"step_ms": 1e9}, {"rate": 0}])
def test_values_that_give_no_features(values: dict) -> None:
    with pytest.raises(LaminaError, match=f"{next(iter(values))} is"):
        LogMel(**{"rate": RATE, **values})
    with pytest.raises(LaminaError, match=r"900 bins over windows of 25 ms .* give no features"):
        LogMel(rate=RATE, bins=900).stream()


# --- features on disk


def test_features_are_computed_once(tmp_path: Path) -> None:
    asked: list[int] = []

    def compute(i: int) -> np.ndarray:
        asked.append(i)
        return np.full((i + 1, 3), i, np.float32)

    for _ in range(2):
        found = cached_features("key", 4, 3, compute, root=tmp_path)
        assert [x.shape for x in found] == [(1, 3), (2, 3), (3, 3), (4, 3)]
        assert isinstance(found[3].base, np.memmap | np.ndarray)
        assert (found[3] == 3).all()
    assert asked == [0, 1, 2, 3]
    cached_features("another key", 1, 3, compute, root=tmp_path)
    assert asked == [0, 1, 2, 3, 0]
    assert cached_features("none", 0, 3, compute, root=tmp_path) == []


@pytest.mark.parametrize("name", ["frames.bin", "about.json"])
def test_damaged_features_are_computed_anew(tmp_path: Path, name: str) -> None:
    cached_features("key", 2, 2, lambda i: np.ones((3, 2)), root=tmp_path)
    (file,) = tmp_path.glob(f"*/{name}")
    file.write_bytes(file.read_bytes()[:-4])
    found = cached_features("key", 2, 2, lambda i: np.full((3, 2), 2.0), root=tmp_path)
    assert (found[1] == 2).all()


def test_what_another_process_has_rebuilt_is_kept(tmp_path: Path, monkeypatch) -> None:
    """Both found it damaged; the other one was first."""
    cached_features("key", 2, 2, lambda i: np.ones((3, 2)), root=tmp_path / "cache")
    (folder,) = (path for path in (tmp_path / "cache").iterdir() if path.is_dir())
    folder.rename(tmp_path / "whole")
    folder.mkdir()
    load = features._load

    def found_damaged(place: Path, count: int):
        try:
            return load(place, count)
        except LaminaError:
            folder.rmdir()
            (tmp_path / "whole").rename(folder)
            raise

    monkeypatch.setattr(features, "_load", found_damaged)
    found = cached_features("key", 2, 2, lambda i: np.zeros((3, 2)), root=tmp_path / "cache")
    assert (found[1] == 1).all()


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fails(i: int) -> np.ndarray:
        raise LaminaError("broken")

    with pytest.raises(LaminaError, match="broken"):
        cached_features("key", 2, 2, fails, root=tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    file = write(tmp_path, b"x", "file")
    with pytest.raises(LaminaError, match="cannot be written"):
        cached_features("key", 1, 2, lambda i: np.ones((1, 2)), root=file)


# --- augmentation

STILL = SpeechAugmentation(
    speed=0, warp=0, gain_db=0, noise=0, time_masks=0, frequency_masks=0, time_mask=0
)
SCALE = Standardizer(np.full(20, 2.0), np.full(20, 3.0))


def test_no_augmentation_is_the_scale_alone() -> None:
    frames = LogMel(rate=RATE, bins=20)(X)
    found = STILL(frames, SCALE, 1, np.random.default_rng(0))
    np.testing.assert_allclose(found, SCALE(frames), atol=1e-5)


@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 40))
def test_augmentation_is_drawn_from_its_generator(seed: int, steps: int, least: int) -> None:
    frames = np.random.default_rng(1).standard_normal((steps, 20)).astype(np.float32)
    before = frames.copy()
    a, b = (SpeechAugmentation()(frames, SCALE, least, np.random.default_rng(seed)) for _ in "ab")
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(frames, before)
    assert a.dtype == np.float32
    assert np.isfinite(a).all()
    assert len(a) == steps or len(a) >= least
    assert abs(len(a) - steps) <= 0.1 * steps + 1


def test_masks_cover_what_they_may() -> None:
    frames = np.full((50, 20), 5.0, np.float32)
    masks = SpeechAugmentation(
        speed=0, warp=0, gain_db=0, noise=0, time_masks=1, time_mask=99, frequency_mask=4
    )
    seen = set()
    for seed in range(60):
        x = masks(frames, SCALE, 1, np.random.default_rng(seed))
        assert set(np.unique(x)) <= {0.0, 1.0}
        gone = int((x == 0).all(axis=1).sum())
        assert gone <= 10  # a fifth of the frames, whatever was asked for
        assert (x == 0).all(axis=0).sum() <= 8
        seen.add(gone)
    assert len(seen) > 5


def test_speed_and_warp_move_frames_and_bins() -> None:
    frames = np.zeros((100, 20), np.float32)
    frames[50, 10] = 1.0
    for seed in range(20):
        fast = SpeechAugmentation(
            speed=0.3, warp=0.2, gain_db=0, noise=0, time_masks=0, frequency_masks=0
        )
        x = fast(frames, Standardizer(np.zeros(20), np.ones(20)), 1, np.random.default_rng(seed))
        assert 70 <= len(x) <= 130
        at, band = np.unravel_index(x.argmax(), x.shape)
        assert abs(at / len(x) - 0.5) < 0.03
        assert 8 <= band <= 13


@pytest.mark.parametrize("values", [{"speed": 0.9}, {"noise": -1.0}, {"time_masks": -1}])
def test_augmentation_that_makes_no_sense(values: dict) -> None:
    with pytest.raises(LaminaError, match=f"{next(iter(values))} is"):
        SpeechAugmentation(**values)
