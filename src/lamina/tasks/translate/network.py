"""The network that translates: encoder, attention, decoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
import numpy as np
import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.nn.functional import linear

from lamina.cells import CellName
from lamina.data.batch.batches import padded
from lamina.data.batch.order import buckets, lengths_of
from lamina.data.read.pairs import read_sources
from lamina.data.text.subwords import BEGIN, END, Subwords
from lamina.nn import StackOptions, valid_steps
from lamina.nn.recurrent.dropout import drop, drop_rows
from lamina.nn.recurrent.options import Units
from lamina.nn.sequence.attention import Memory
from lamina.nn.sequence.decoder import Decoder
from lamina.nn.sequence.encoder import Encoder
from lamina.nn.sequence.ranking import most_probable
from lamina.options import Share
from lamina.spec import TYPED_TEXT, LaminaError, Model, State
from lamina.spec.counted import counted
from lamina.tasks.decode.beam import Hypothesis, beam_search
from lamina.tasks.saved import SavedModel, texts
from lamina.tasks.scores.translation import BleuTokenizer

NAME = "translate"
#: The file of a vocabulary that both languages share, or of each one's own.
JOINT, SOURCE, TARGET = "subwords.json", "source_subwords.json", "target_subwords.json"
#: A longer text is no sentence, and its translation would take many minutes.
MOST_SUBWORDS = 10_000


class TranslateOptions(StackOptions, frozen=True, kw_only=True):
    """A translator's shape: the stack's options, of the encoder and of the decoder, and

    The encoder's first layer reads both ways. ``dropout`` also falls on the embeddings and on what
    enters the output map.
    """

    cell: CellName = "gru"
    width: int | tuple[int, ...] = 256
    residual: Annotated[bool, Meta(extra={"off": "Leave out the residual connections."})] = True
    dropout: float = 0.3
    embedding: Annotated[Units, Meta(description="Size of a token's vector.")] = 256
    #: Luong et al. (2015), general; Bahdanau et al. (2015).
    attention: Annotated[
        Literal["multiplicative", "additive"],
        Meta(description="Attention of the decoder: multiplicative or additive."),
    ] = "multiplicative"
    #: Press and Wolf (2017).
    tied: Annotated[
        Literal["none", "output", "all"],
        Meta(
            description="Share the target's embedding with the output layer (output), or one "
            "table between both and the source's embedding (all)."
        ),
    ] = "output"
    #: Szegedy et al. (2016), section 7.
    label_smoothing: Annotated[
        Share,
        Meta(description="Share of probability spread evenly over the vocabulary in training."),
    ] = 0.1
    beam: Annotated[
        Annotated[int, Meta(ge=1, le=1000)],
        Meta(description="Hypotheses kept in the beam search; 1: greedy decoding."),
    ] = 5
    #: Wu et al. (2016), equation 14.
    length_penalty: Annotated[
        Annotated[float, Meta(ge=0, le=10)],
        Meta(description="Exponent of the penalty on short translations."),
    ] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bidirectional:
            raise LaminaError(
                "bidirectional=True would let a translator read its own answer; the encoder's "
                "first layer reads both ways already"
            )


class Translator(Model):
    """Embedding, encoder, decoder with attention, linear map to a score for each token.

    Args:
        options:       the shape.
        vocabulary:    of the source.
        target:        of the target; the same one where both languages share it.
        bleu_tokenizer: how its translations are cut to be scored.

    Raises:
        LaminaError: ``tied="all"`` with two vocabularies.
    """

    task = NAME
    typed = TYPED_TEXT

    def __init__(
        self,
        options: TranslateOptions,
        vocabulary: Subwords,
        target: Subwords,
        bleu_tokenizer: BleuTokenizer = "13a",
    ):
        super().__init__()
        self.options = options
        self.bleu_tokenizer: BleuTokenizer = bleu_tokenizer
        self.vocabulary, self.target_vocabulary = vocabulary, target
        size = options.embedding
        self.embedding = nn.Embedding(len(target), size)
        nn.init.normal_(self.embedding.weight, std=size**-0.5)
        self.source_embedding = None
        if options.tied != "all":
            self.source_embedding = nn.Embedding(len(vocabulary), size)
            nn.init.normal_(self.source_embedding.weight, std=size**-0.5)
        elif vocabulary is not target:
            raise LaminaError("tied='all' needs one vocabulary of both languages; use joint=True")
        self.encoder = Encoder(size, options)
        self.decoder = Decoder(size, self.encoder.outputs, options, options.attention)
        self.readout = nn.Linear(self.decoder.outputs, size, bias=False)
        # A tied output map has no weight of its own.
        self.head = nn.Linear(size, len(target), bias=False) if options.tied == "none" else None

    @property
    def output_weight(self) -> Tensor:
        """The output map, ``(V, embedding)``; it has no bias."""
        return (self.head or self.embedding).weight

    def encode(self, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Memory, State]:
        """Tokens ``(S, B)`` -> what the decoder attends to, and the state it begins with."""
        p, kind = self.options.dropout, self.options.dropout_kind
        table = (self.source_embedding or self.embedding).weight
        x, rows = drop_rows(table, tokens, p, kind, training=self.training)
        outputs, state = self.encoder(x, lengths, tokens=rows)
        outputs = drop(outputs, p, kind, training=self.training)
        return self.decoder.attention.prepare(outputs, lengths), state

    def decode(
        self, tokens: Tensor, state: State, memory: Memory, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Tokens ``(T, B)`` -> the decoder's outputs at the valid steps in order of time,
        ``(N, embedding)``, and the state: ``tanh(W [h; context])`` (Luong et al. 2015, equation 5),
        whose product with the output map is a score for each token."""
        p, kind = self.options.dropout, self.options.dropout_kind
        x, rows = drop_rows(self.embedding.weight, tokens, p, kind, training=self.training)
        outputs, final = self.decoder(x, state, memory, lengths, tokens=rows)
        flat = outputs.flatten(0, 1)
        if lengths is not None:
            valid = valid_steps(lengths, len(tokens), tokens.device).flatten()
            flat = flat.index_select(0, valid.nonzero()[:, 0])
        h = torch.tanh(self.readout(flat))
        return drop(h, p, "plain", training=self.training), final

    def forward(
        self,
        sources: Tensor,
        lengths: Tensor | None,
        targets: Tensor,
        target_lengths: Tensor | None,
    ) -> Tensor:
        """Scores of each token of ``targets`` ``(T, B)`` where those before it are known (teacher
        forcing): at the valid steps in order of time, ``(N, V)``."""
        memory, state = self.encode(sources, lengths)
        h, _ = self.decode(shifted(targets), state, memory, target_lengths)
        return linear(h, self.output_weight)

    @torch.no_grad()
    def search(self, memory: Memory, state: State, limits: Tensor, width: int) -> list[Hypothesis]:
        """The best translation found of each member of a batch, in evaluation mode."""
        device = self.output_weight.device

        def step(
            tokens: np.ndarray,
            rows: np.ndarray | None,
            totals: np.ndarray | None,
            spent: np.ndarray,
        ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            nonlocal state
            if rows is not None:
                kept = torch.from_numpy(rows).to(device)
                state = tuple(tuple(p.index_select(1, kept) for p in layer) for layer in state)
            read = torch.from_numpy(tokens.reshape(1, -1)).to(device)
            h, state = self.decode(read, state, memory)
            log_p = torch.log_softmax(linear(h, self.output_weight), dim=1)
            if log_p.dtype not in (torch.float32, torch.float64):  # numpy has no bfloat16
                log_p = log_p.float()
            log_p = log_p.view(*tokens.shape, -1)
            return most_probable(log_p, totals, spent, end=END, count=2 * width)

        alpha = self.options.length_penalty
        return beam_search(step, limits.numpy(), width=width, begin=BEGIN, end=END, alpha=alpha)

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Model`."""
        return {
            "task": NAME,
            "options": msgspec.to_builtins(self.options),
            "bleu_tokenizer": self.bleu_tokenizer,
        }

    def assets(self) -> dict[str, str]:
        """See :class:`lamina.spec.Model`."""
        if self.vocabulary is self.target_vocabulary:
            return {JOINT: self.vocabulary.to_json()}
        return {SOURCE: self.vocabulary.to_json(), TARGET: self.target_vocabulary.to_json()}

    @classmethod
    def from_saved(cls, saved: SavedModel) -> Translator:
        """The same network from what a run folder keeps of it.

        Raises:
            LaminaError: malformed.
        """
        tokenizer: Any = saved.config.get("bleu_tokenizer")
        if tokenizer not in get_args(BleuTokenizer):
            raise LaminaError(f"its bleu_tokenizer is {tokenizer!r}", place=saved.place)
        files = [JOINT] if JOINT in saved.assets else [SOURCE, TARGET]
        read = [Subwords.from_json(saved.asset(name), name) for name in files]
        return cls(saved.part("options", TranslateOptions), read[0], read[-1], tokenizer)

    # -- answers

    def read(self, path: str | Path) -> list[str]:
        """Texts to translate from a file, one a line, or of pairs the first of each."""
        return read_sources(path)

    def answers(self, examples: Sequence[str]) -> list[dict[str, Any]]:
        """The translation of each text, and its log-probability in nats a token."""
        given = texts(examples)
        if not given:
            return []
        for number, text in enumerate(given, start=1):
            if not text.strip():
                raise LaminaError("is blank; need a text", place=f"example {number}")
        sources = self.vocabulary.encode_many(given)
        for number, source in enumerate(sources, start=1):
            if len(source) > MOST_SUBWORDS:
                raise LaminaError(
                    f"has {counted(len(source), 'subword')}; "
                    f"need at most {MOST_SUBWORDS:,}. Give each "
                    "sentence a line of its own.",
                    place=f"example {number}",
                )
        device = self.readout.weight.device
        found: dict[int, Hypothesis] = {}
        with self.evaluating():
            for members in buckets(lengths_of(sources), batch_size=64):
                inputs, lengths = padded([sources[i] for i in members])
                memory, state = self.encode(inputs.to(device), lengths)
                best = self.search(memory, state, limits(lengths), self.options.beam)
                found.update(zip(members.tolist(), best, strict=True))
        best = [found[i] for i in range(len(given))]
        translations = self.target_vocabulary.decode_many([one.tokens for one in best])
        return [
            {"text": text, "log_probability": one.log_probability / (len(one.tokens) + 1)}
            for text, one in zip(translations, best, strict=True)
        ]

    def predict(self, examples: Sequence[str]) -> list[str]:
        """The translation of each text."""
        return [answer["text"] for answer in self.answers(examples)]


def shifted(targets: Tensor) -> Tensor:
    """What the decoder reads: each token of ``targets`` ``(T, B)`` a step later, after a begin."""
    begin = torch.full_like(targets[:1], BEGIN)
    return torch.cat((begin, targets[:-1]))


def limits(lengths: Tensor) -> Tensor:
    """The most tokens of the translation of a text of so many: twice as many, and twenty."""
    return 2 * lengths + 20
