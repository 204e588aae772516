"""Reading, vocabulary, splitting, batching, named corpora.

The path of the data: a reader gives texts or sequences, a vocabulary turns texts into numbers, a
split says which rows train, and batches are what a model sees.
"""

from lamina.data.batches import BucketedBatches, StreamBatches
from lamina.data.corpora import CORPORA, Corpus, CorpusFile, find
from lamina.data.named import corpus_table
from lamina.data.packaged import digits, japanese_vowels
from lamina.data.readers import (
    SequenceTable,
    TextTable,
    fingerprint,
    read_sequence_table,
    read_text,
    read_text_table,
)
from lamina.data.split import Split, as_shares, split_rows, split_stream
from lamina.data.ts_files import is_ts, read_ts
from lamina.data.vocabulary import Vocabulary

__all__ = [
    "CORPORA",
    "BucketedBatches",
    "Corpus",
    "CorpusFile",
    "SequenceTable",
    "Split",
    "StreamBatches",
    "TextTable",
    "Vocabulary",
    "as_shares",
    "corpus_table",
    "digits",
    "find",
    "fingerprint",
    "is_ts",
    "japanese_vowels",
    "read_sequence_table",
    "read_text",
    "read_text_table",
    "read_ts",
    "split_rows",
    "split_stream",
]
