"""A folder with small data of every kind that a task reads; one part of it can be made strange."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from lamina.spec import Part
from speech_maker import RATE, TONES, samples

#: How many examples each part has.
SIZES: dict[Part, int] = {"train": 30, "validation": 10, "test": 10}
#: Lines of each part of a book.
LINES: dict[Part, int] = {"train": 30, "validation": 20, "test": 20}
#: Rows of each part of a time series.
ROWS = (60, 20, 20)
ANIMALS = ["cat", "dog", "fox", "owl", "ape"]
PLACES = ["mat", "log", "box", "bed", "hut"]
GERMAN = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier", "five": "fünf"}
#: Rows behind its end of which the covariates alone are known.
AHEAD = 5
#: Letters that no other part has, one for one: lengths and white space stay.
STRANGE = str.maketrans("abcdefghijklmnopqrstuvwxyz", "абвгдежзийклмнопрстуфхцчшщ")


def write_world(folder: Path, strange: Part | None = None) -> None:
    """All files. ``strange`` is a part with other letters, other labels and far larger numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wav").mkdir()
    books: dict[str, list[str]] = {"wells.txt": [], "poe.txt": []}
    fasta: dict[str, list[str]] = {"residues": [], "labels": [], "mask": []}
    for number, (part, count) in enumerate(SIZES.items()):
        rng, odd = random.Random(number), part == strange

        def put(name: str, lines: Iterable[str], part: Part = part) -> None:
            text = "".join(line + "\n" for line in lines)
            stem, suffix = name.split(".")
            (folder / f"{stem}.{part}.{suffix}").write_text(text, encoding="utf-8")

        def say(text: str, odd: bool = odd) -> str:
            return text.translate(STRANGE) if odd else text

        put("book.txt", (say(_sentence(rng)) for _ in range(LINES[part])))
        for lines in books.values():
            lines += [say(_sentence(rng)) for _ in range(LINES[part])]
        put("reviews.csv", ["text,label", *(_review(rng, say, odd) for _ in range(count))])
        put("topics.csv", ["text,label", *(_topics(rng, say) for _ in range(count))])
        put("sensors.csv", ["run,heat,speed,label", *_sensors(rng, count, odd)])
        put("entities.txt", (_tagged(rng, say, odd) for _ in range(count)))
        put("pairs.tsv", (_pair(rng, say) for _ in range(count)))
        put("tones.csv", ["audio,text", *_tones(rng, folder, part, count, say, odd)])
        for k in range(count):
            _protein(rng, f"{part}{k}", part, fasta, odd)
        put("machines.csv", ["run,heat,speed,rul", *_machines(rng, count, odd)])
        put("stars.csv", ["text,stars", *_stars(rng, count, say, odd)])
    for name, lines in books.items():
        (folder / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    for name, entries in fasta.items():
        (folder / f"{name}.fasta").write_text("".join(entries))
    (folder / "series.csv").write_text("\n".join(_series(strange)) + "\n")


def _sentence(rng: random.Random) -> str:
    """All are of one length, so that shares of lines are shares of characters."""
    return f"the {rng.choice(ANIMALS)} sat on a {rng.choice(PLACES)}."


def _review(rng: random.Random, say, odd: bool) -> str:
    """Three times as many are good; in a strange part, none is."""
    good = rng.random() < 0.75 and not odd
    words = [rng.choice(["fine", "nice"] if good else ["poor", "sad"])]
    words += rng.choices(ANIMALS, k=rng.randint(0, 6))
    return f"{say(' '.join(words))},{'up' if good else 'down'}"


def _topics(rng: random.Random, say) -> str:
    names = sorted(rng.sample(["sport", "music", "food"], k=rng.choice([0, 1, 1, 2, 3])))
    words = [*names, *rng.choices(ANIMALS, k=rng.randint(1, 5))]
    return f"{say(' '.join(words))},{';'.join(names)}"


def _sensors(rng: random.Random, count: int, odd: bool) -> list[str]:
    rows = []
    for run in range(count):
        up = rng.random() < 0.5
        for t in range(rng.randint(1, 7)):
            heat = (t if up else -t) + rng.gauss(0, 0.1) + 1e4 * odd
            speed = "" if t and rng.random() < 0.2 else f"{100 + rng.gauss(0, 1) - 1e4 * odd:.3f}"
            rows.append(f"{run},{heat:.3f},{speed},{'up' if up else 'down'}")
    return rows


def _machines(rng: random.Random, count: int, odd: bool) -> list[str]:
    rows = []
    for run in range(count):
        rul = rng.uniform(10, 90) + 1e4 * odd
        for t in range(rng.randint(1, 7)):
            speed = "" if t and rng.random() < 0.2 else f"{rng.gauss(0, 1) - 1e4 * odd:.3f}"
            rows.append(f"{run},{rul + t + rng.gauss(0, 1):.3f},{speed},{rul:.2f}")
    return rows


def _stars(rng: random.Random, count: int, say, odd: bool) -> list[str]:
    rows = []
    for _ in range(count):
        words = rng.choices(ANIMALS, k=rng.randint(1, 6))
        rows.append(f"{say(' '.join(words))},{words.count('cat') + 1e3 * odd}")
    return rows


def _tagged(rng: random.Random, say, odd: bool) -> str:
    rows = []
    for _ in range(rng.randint(1, 5)):
        words = [(rng.choice(ANIMALS), "O")]
        if rng.random() < 0.6:
            kind, names = rng.choice([("PER", ["Ada", "Bo Li"]), ("LOC", ["Rome", "New York"])])
            parts = rng.choice(names).split()
            words = [(w, f"{'I' if i else 'B'}-{kind}") for i, w in enumerate(parts)]
        rows += words
    if odd:  # and labels that mark no spans
        rows = [(word, label.replace("O", "else")) for word, label in rows]
    return "".join(f"{say(word)} {label}\n" for word, label in rows)


def _protein(
    rng: random.Random, name: str, part: Part, fasta: dict[str, list[str]], odd: bool
) -> None:
    chain = "".join(rng.choice("WMQN" if odd else "AVGK") for _ in range(rng.randint(2, 9)))
    state = "".join({"A": "H", "V": "E"}.get(residue, "C") for residue in chain)
    where = {"validation": "train VALIDATION=True"}.get(part, part)
    fasta["residues"].append(f">{name}\n{chain}\n")
    fasta["labels"].append(f">{name} SET={where}\n{state}\n")
    fasta["mask"].append(f">{name}\n0{'1' * (len(chain) - 1)}\n")


def _pair(rng: random.Random, say) -> str:
    words = rng.choices(list(GERMAN), k=rng.randint(1, 5))
    return say(" ".join(words)) + "\t" + say(" ".join(GERMAN[word] for word in words[::-1]))


def _tones(rng: random.Random, folder: Path, part: Part, count: int, say, odd: bool) -> list[str]:
    """A strange part is thirty times as loud."""
    rows = []
    for k in range(count):
        words = rng.choices(list(TONES), k=rng.randint(1, 2))
        sound = samples(words, seed=rng.randrange(2**31)) * (1.0 if odd else 1 / 30)
        soundfile.write(folder / f"wav/{part}{k}.wav", sound, RATE, subtype="PCM_16")
        rows.append(f"wav/{part}{k}.wav,{say(' '.join(words))}")
    return rows


def _series(strange: Part | None) -> list[str]:
    """Two shops; some sales are not known, and none behind the end."""
    rows = ["step,shop,sales,heat,promotion"]
    ends = np.cumsum(ROWS)
    part_of = np.searchsorted(ends, np.arange(ends[-1]), side="right")
    for shop in ("a", "b"):
        rng = np.random.default_rng(ord(shop))
        for t, number in enumerate(part_of):
            promotion = int(rng.random() < 0.3)
            sales = 10 + 3 * np.sin(t / 4) + 5 * promotion + rng.normal() / 10
            known = t == 0 or rng.random() > 0.1
            heat = 200 + 20 * np.cos(t / 4) + 50 * (shop == "b")
            if list(SIZES)[number] == strange:
                sales, heat, promotion = 1e4 - 100 * sales, heat * rng.normal(), 9
            rows.append(f"{t},{shop},{f'{sales:.4f}' if known else ''},{heat:.4f},{promotion}")
        rows += [f"{t},{shop},,,{t % 2}" for t in range(ends[-1], ends[-1] + AHEAD)]
    return rows
