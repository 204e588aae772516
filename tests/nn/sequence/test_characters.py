"""Vectors of words from their characters."""

from __future__ import annotations

import pytest
import torch

from lamina.nn import CHARACTERS
from laws import EXACT


@pytest.mark.parametrize("kind", CHARACTERS)
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_word_does_not_depend_on_its_company(kind: str, cell) -> None:
    torch.manual_seed(0)
    model = CHARACTERS[kind](7, 3, 4, cell).double()
    words, lengths = torch.randint(0, 7, (6, 4)), torch.tensor([6, 1, 3, 2])
    together = model(words, lengths)
    assert together.shape == (4, model.outputs)
    for w, length in enumerate(lengths.tolist()):
        words[length:, w] = 99  # no character: whoever reads it fails
        alone = model(words[:length, w : w + 1], lengths[w : w + 1])
        torch.testing.assert_close(together[w : w + 1], alone, **EXACT)
    torch.testing.assert_close(model(words, lengths), together, **EXACT)


@pytest.mark.parametrize("kind", CHARACTERS)
def test_every_character_counts(kind: str) -> None:
    torch.manual_seed(0)
    model = CHARACTERS[kind](5, 3, 8, "lstm")
    lengths = torch.tensor([3])
    word = torch.tensor([[1], [2], [3]])
    vector = model(word, lengths)
    for t in range(3):
        other = word.clone()
        other[t] = 4
        assert not torch.equal(model(other, lengths), vector)
