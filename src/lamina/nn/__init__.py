"""Layers: the stack of any depth, its initialisation and normalisation, convolution in front of
it, pooling over time, and drop-in replacements of ``torch.nn.RNN``, ``GRU`` and ``LSTM``."""

from lamina.nn.convolution import Convolution
from lamina.nn.dropin import GRU, LSTM, RNN
from lamina.nn.init import INITS
from lamina.nn.norm import SequenceBatchNorm
from lamina.nn.options import StackOptions
from lamina.nn.pooling import POOLS, pool
from lamina.nn.stack import Stack

__all__ = [
    "GRU",
    "INITS",
    "LSTM",
    "POOLS",
    "RNN",
    "Convolution",
    "SequenceBatchNorm",
    "Stack",
    "StackOptions",
    "pool",
]
