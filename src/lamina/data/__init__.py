"""Reading, vocabulary, splitting, batching, named corpora.

The path of the data: a reader gives texts or sequences, a vocabulary turns texts into numbers, a
split says which rows train, and batches are what a model sees.
"""

from lamina.data.batches import BucketedBatches, ChainedBatches, StreamBatches
from lamina.data.corpora import CORPORA, Corpus, CorpusFile, find
from lamina.data.kept_sequences import kept_sequence_table
from lamina.data.mixture import Mixture, Renumbered, Tokens
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
from lamina.data.tokenised import TokenisedText, tokenise
from lamina.data.ts_files import is_ts, read_ts
from lamina.data.vocabulary import Vocabulary

__all__ = [
    "CORPORA",
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
    "corpus_table",
    "digits",
    "find",
    "fingerprint",
    "is_ts",
    "japanese_vowels",
    "kept_sequence_table",
    "read_sequence_table",
    "read_text",
    "read_text_table",
    "read_ts",
    "split_rows",
    "split_stream",
    "tokenise",
]
