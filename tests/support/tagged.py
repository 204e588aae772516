"""Small labelled files: sentences with named entities, a treebank, proteins."""

from __future__ import annotations

import random
from pathlib import Path

PEOPLE, PLACES = ["Ada", "Bo Li", "Carla Maria"], ["Rome", "New York", "東京"]
SAID = [
    ("{p} lives in {q} .", 60),
    ("In {q} it rains", 20),
    ("{p} saw {p} and {q}", 30),
    ("nothing happens here", 20),
]


def write_tagged(folder: Path) -> None:
    """``ner.txt`` (IOB1, columns), ``new.txt`` (words alone), ``bank.conllu``, and ``residues``,
    ``labels``, ``mask`` ``.fasta``."""
    rng = random.Random(0)
    blocks, bank = [], []
    for number, (template, count) in enumerate(SAID):
        for k in range(count):
            rows = []
            for word in template.split():
                kind = {"{p}": "PER", "{q}": "LOC"}.get(word)
                names = {"PER": PEOPLE, "LOC": PLACES}.get(kind or "", [word])
                rows += [(part, f"I-{kind}" if kind else "O") for part in rng.choice(names).split()]
            rows.append((str(number * 100 + k), "O"))
            blocks.append("\n".join(f"{word} x {label}" for word, label in rows))
            tags = ["PROPN" if label != "O" else "NUM" if w.isdigit() else "X" for w, label in rows]
            bank.append(
                "# a comment\n"
                + "\n".join(
                    f"{i}\t{word}\t_\t{tag}\t{tag.lower()}\t_\t_\t_\t_\t_"
                    for i, ((word, _), tag) in enumerate(zip(rows, tags, strict=True), start=1)
                )
            )
    rng.shuffle(blocks)
    text = "-DOCSTART- -X- O\n\n" + "\n\n".join(blocks) + "\n"
    (folder / "ner.txt").write_text(text, encoding="utf-8")
    (folder / "new.txt").write_text("Ada\nlives\nin\nRome\n\nhere\n", encoding="utf-8")
    (folder / "bank.conllu").write_text("\n\n".join(bank) + "\n\n", encoding="utf-8")
    residues, labels, mask = [], [], []
    for i in range(60):
        chain = "".join(rng.choice("AAVVGKWX") for _ in range(rng.randint(4, 12)))
        part = ("train", "train", "train", "train VALIDATION=True", "test")[i % 5]
        state = "".join({"A": "H", "V": "E"}.get(residue, "C") for residue in chain)
        residues.append(f">p{i} a protein\n{chain[:5]}\n{chain[5:]}\n")
        labels.append(f">p{i} SET={part}\n{state}\n")
        mask.append(f">p{i}\n{'0' + '1' * (len(chain) - 1)}\n")
    for name, entries in (("residues", residues), ("labels", labels), ("mask", mask)):
        (folder / f"{name}.fasta").write_text("".join(entries))
