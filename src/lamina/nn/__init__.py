"""Layers: the stack of any depth, its initialisation and normalisation, pooling over time,
labels at every step, words from characters, and drop-in replacements of ``torch.nn.RNN``, ``GRU``
and ``LSTM``."""

from lamina.kernels import valid_steps
from lamina.nn.characters import CHARACTERS
from lamina.nn.crf import CRF
from lamina.nn.dropin import GRU, LSTM, RNN
from lamina.nn.independent import Independent
from lamina.nn.init import INITS
from lamina.nn.norm import SequenceBatchNorm
from lamina.nn.options import StackOptions
from lamina.nn.pooling import POOLS, pool
from lamina.nn.stack import Stack

__all__ = [
    "CHARACTERS",
    "CRF",
    "GRU",
    "INITS",
    "LSTM",
    "POOLS",
    "RNN",
    "Independent",
    "SequenceBatchNorm",
    "Stack",
    "StackOptions",
    "pool",
    "valid_steps",
]
