"""Layers: the stack of any depth, its initialisation and normalisation, pooling over time, and
drop-in replacements of ``torch.nn.RNN``, ``GRU`` and ``LSTM``."""

from lamina.nn.dropin import GRU, LSTM, RNN
from lamina.nn.init import INITS
from lamina.nn.norm import SequenceBatchNorm
from lamina.nn.options import StackOptions
from lamina.nn.pooling import POOLS, pool
from lamina.nn.pyramid import Pyramid, PyramidState
from lamina.nn.stack import Stack

__all__ = [
    "GRU",
    "INITS",
    "LSTM",
    "POOLS",
    "RNN",
    "Pyramid",
    "PyramidState",
    "SequenceBatchNorm",
    "Stack",
    "StackOptions",
    "pool",
]
