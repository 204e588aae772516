"""Strings of spoken digits, made from the clips of the Free Spoken Digit Dataset.

    python data/digit_strings.py recordings.tar.gz --out runs/digits
    python data/digit_strings.py recordings.tar.gz --out runs/digits-held-out --hold-out theo

The archive is the folder ``recordings`` of github.com/Jakobovski/free-spoken-digit-dataset
(CC BY-SA 4.0: what is made from it falls under the same licence). Each string is 3 to 7 clips of
one speaker with pauses between them; its text is the digits in words, ``three one nine``. A clip's
number says its part: 0 to 4 test, as the data set has it; 5 to 9 validate; 10 to 49 train. With
``--hold-out``, training and validation never hear that speaker, whose clips all test.

Writes ``train.csv``, ``validation.csv`` and ``test.csv`` (audio,text,speaker) and a folder of WAV
files. The same arguments write the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import re
import tarfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import soundfile

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
RATE = 8000
PART = {**dict.fromkeys(range(5), "test"), **dict.fromkeys(range(5, 10), "validation")}
CLIP = re.compile(r"(?:.*/)?([0-9])_([a-z]+)_([0-9]+)\.wav")

Clips = dict[str, list[tuple[int, np.ndarray]]]


def read_clips(archive: Path, hold_out: str | None) -> dict[str, Clips]:
    """Part -> speaker -> (digit, samples) of every clip, in the order of their names."""
    parts: dict[str, Clips] = {p: defaultdict(list) for p in ("train", "validation", "test")}
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda m: m.name):
            if not (match := CLIP.fullmatch(member.name)):
                continue
            digit, speaker, number = int(match[1]), match[2], int(match[3])
            part = PART.get(number, "train")
            if hold_out is not None and (speaker == hold_out) != (part == "test"):
                if speaker != hold_out:
                    continue  # a test clip of a speaker who is heard in training
                part = "test"
            content = tar.extractfile(member)
            assert content is not None
            samples, rate = soundfile.read(io.BytesIO(content.read()), dtype="float32")
            assert rate == RATE, member.name
            parts[part][speaker].append((digit, samples.reshape(len(samples), -1)[:, 0]))
    if hold_out is not None and hold_out not in parts["test"]:
        raise SystemExit(f"no speaker {hold_out!r}; there are {', '.join(sorted(parts['train']))}")
    return parts


def string(clips: list[tuple[int, np.ndarray]], rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """3 to 7 clips with pauses of 50 to 400 ms, as noisy as the clips are where they are quiet."""
    chosen = [clips[i] for i in rng.integers(len(clips), size=rng.integers(3, 8))]
    quiet = np.median([_quiet(samples) for _, samples in chosen])

    def pause() -> np.ndarray:
        return quiet * rng.standard_normal(int(RATE * rng.uniform(0.05, 0.4)))

    pieces = [pause()]
    for _, samples in chosen:
        pieces += [samples, pause()]
    return np.concatenate(pieces), " ".join(WORDS[digit] for digit, _ in chosen)


def _quiet(samples: np.ndarray) -> float:
    """The loudness of the quietest tenth of a clip's stretches of 10 ms."""
    frames = samples[: len(samples) // 80 * 80].reshape(-1, 80)
    return float(np.quantile(np.sqrt(np.square(frames).mean(axis=1)), 0.1))


def write_part(out: Path, part: str, clips: Clips, count: int, seed: int) -> None:
    rng = np.random.default_rng([seed, *part.encode()])
    speakers = sorted(clips)
    (out / part).mkdir(parents=True, exist_ok=True)
    seconds = 0.0
    with open(out / f"{part}.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["audio", "text", "speaker"])
        for i in range(count):
            speaker = speakers[rng.integers(len(speakers))]
            samples, text = string(clips[speaker], rng)
            name = f"{part}/{i:05}.wav"
            soundfile.write(out / name, np.clip(samples, -1, 1), RATE, subtype="PCM_16")
            table.writerow([name, text, speaker])
            seconds += len(samples) / RATE
    print(f"{out / part}.csv: {count} strings, {seconds / 60:.0f} min, {', '.join(speakers)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    default = Path(os.environ.get("LAMINA_DATA", "."), "fsdd", "recordings.tar.gz")
    parser.add_argument("archive", type=Path, nargs="?", default=default)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--hold-out", metavar="SPEAKER")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", type=int, default=3000)
    parser.add_argument("--validation", type=int, default=200)
    parser.add_argument("--test", type=int, default=400)
    given = parser.parse_args()
    for part, clips in read_clips(given.archive, given.hold_out).items():
        write_part(given.out, part, clips, getattr(given, part), given.seed)


if __name__ == "__main__":
    main()
