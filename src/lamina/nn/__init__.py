"""Layers: the stack of any depth, its initialisation and normalisation, convolution in front of it,
pooling over time, encoder, attention and decoder, labels at every step, words from characters, and
drop-in replacements of ``torch.nn.RNN``, ``GRU`` and ``LSTM``."""

from lamina.kernels import valid_steps
from lamina.nn.attention import ATTENTIONS, attention
from lamina.nn.characters import CHARACTERS
from lamina.nn.convolution import Convolution
from lamina.nn.crf import CRF
from lamina.nn.decoder import Decoder
from lamina.nn.dropin import GRU, LSTM, RNN
from lamina.nn.encoder import Encoder
from lamina.nn.independent import Independent
from lamina.nn.init import INITS
from lamina.nn.norm import SequenceBatchNorm
from lamina.nn.options import StackOptions
from lamina.nn.pooling import POOLS, pool
from lamina.nn.pyramid import Pyramid, PyramidState
from lamina.nn.stack import Stack

__all__ = [
    "ATTENTIONS",
    "CHARACTERS",
    "CRF",
    "GRU",
    "INITS",
    "LSTM",
    "POOLS",
    "RNN",
    "Convolution",
    "Decoder",
    "Encoder",
    "Independent",
    "Pyramid",
    "PyramidState",
    "SequenceBatchNorm",
    "Stack",
    "StackOptions",
    "attention",
    "pool",
    "valid_steps",
]
