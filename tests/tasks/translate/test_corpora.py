"""The corpora of translations, where they are: each part is what the literature uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lamina.data import CORPORA
from lamina.tasks.translate.data import TranslateData, read


def stored(name: str) -> bool:
    folder = Path(os.environ.get("LAMINA_DATA", "/nowhere"), CORPORA[name].folder)
    return folder.is_dir()


def test_multi30k_has_its_official_parts() -> None:
    if not stored("multi30k"):
        pytest.skip("multi30k is not under LAMINA_DATA")
    parts, prints = read(TranslateData(source="multi30k", languages=("de", "fr")))
    assert {part: len(pairs) for part, pairs in parts.items()} == {
        "train": 29_000,
        "validation": 1014,
        "test": 1000,
    }
    for pairs in parts.values():
        assert sum(" und " in text for text in pairs.sources) > 0.1 * len(pairs)
        assert sum(" et " in text for text in pairs.targets) > 0.1 * len(pairs)
    assert len(prints) == 6


def test_no_english_sentence_of_fra_eng_is_in_two_parts() -> None:
    if not stored("fra_eng"):
        pytest.skip("fra_eng is not under LAMINA_DATA")
    parts, _ = read(TranslateData(source="fra_eng", languages=("fr", "en")))
    english = [set(pairs.targets) for pairs in parts.values()]
    assert sum(map(len, english)) == len(set.union(*english)) == 116_830
    french = [set(pairs.sources) for pairs in parts.values()]  # what is read, in this direction
    assert sum(map(len, french)) == len(set.union(*french))
    assert sum(len(pairs) for pairs in parts.values()) == 167_130
