"""From files to batches: reading, vocabulary, splitting, batching, named corpora.

A reader gives texts or sequences, a vocabulary turns texts into numbers, a split says which rows
train, and batches are what a model sees.

Only batches need torch, so they load on first use: all else here works without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lamina.data.batch.mixture import Mixture, Renumbered, Tokens
from lamina.data.cache.sequences import cached_sequence_table
from lamina.data.cache.tokenised import TokenisedText, tokenise
from lamina.data.corpora.files import find
from lamina.data.corpora.named import corpus_table
from lamina.data.corpora.packaged import digits, japanese_vowels
from lamina.data.corpora.table import CORPORA, Corpus, CorpusFile
from lamina.data.prepare.split import (
    PARTS,
    Split,
    as_shares,
    fill_parts,
    shares_left,
    split_rows,
    split_stream,
)
from lamina.data.read.decoding import decoding
from lamina.data.read.files import fingerprint, read_text
from lamina.data.read.registry import PAIRS, SENTENCES, SEQUENCES, TABLES
from lamina.data.read.sequence_table import read_sequence_table
from lamina.data.read.shapes import SequenceTable
from lamina.data.read.text_table import TextTable, read_text_table
from lamina.data.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from lamina.data.batch.batches import BucketedBatches, ChainedBatches, StreamBatches

__all__ = [
    "CORPORA",
    "PAIRS",
    "PARTS",
    "SENTENCES",
    "SEQUENCES",
    "TABLES",
    "BucketedBatches",
    "ChainedBatches",
    "Corpus",
    "CorpusFile",
    "Mixture",
    "Renumbered",
    "SequenceTable",
    "Split",
    "StreamBatches",
    "TextTable",
    "TokenisedText",
    "Tokens",
    "Vocabulary",
    "as_shares",
    "cached_sequence_table",
    "corpus_table",
    "decoding",
    "digits",
    "fill_parts",
    "find",
    "fingerprint",
    "japanese_vowels",
    "read_sequence_table",
    "read_text",
    "read_text_table",
    "shares_left",
    "split_rows",
    "split_stream",
    "tokenise",
]

_BATCHES = ("BucketedBatches", "ChainedBatches", "StreamBatches")


def __getattr__(name: str) -> Any:
    if name in _BATCHES:
        return getattr(importlib.import_module("lamina.data.batch.batches"), name)
    raise AttributeError(f"module 'lamina.data' has no attribute {name!r}")
