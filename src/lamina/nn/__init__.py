"""Layers: the stack of any depth, its initialisation and normalisation, convolution in front of it,
pooling over time, encoder, attention and decoder, labels at every step, words from characters, and
drop-in replacements of ``torch.nn.RNN``, ``GRU`` and ``LSTM``."""

from lamina.kernels import valid_steps
from lamina.nn.heads.crf import CRF
from lamina.nn.heads.independent import Independent
from lamina.nn.recurrent.dropin import GRU, LSTM, RNN
from lamina.nn.recurrent.init import INITS
from lamina.nn.recurrent.norm import SequenceBatchNorm
from lamina.nn.recurrent.options import StackOptions
from lamina.nn.recurrent.stack import Stack
from lamina.nn.sequence.attention import ATTENTIONS, attention
from lamina.nn.sequence.characters import CHARACTERS
from lamina.nn.sequence.convolution import Convolution
from lamina.nn.sequence.decoder import Decoder
from lamina.nn.sequence.encoder import Encoder
from lamina.nn.sequence.pooling import POOLS, pool
from lamina.nn.sequence.pyramid import Pyramid, PyramidState

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
