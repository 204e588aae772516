"""The network that labels: vectors of words and of their spelling, stack, softmax or CRF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.nn.functional import embedding

from lamina.cells import CellName
from lamina.data import Vocabulary
from lamina.data.batch.order import buckets, lengths_of
from lamina.data.read.sentences import Sentence
from lamina.data.text.lexicon import Lexicon
from lamina.data.text.span_schemes import Matching, SpanScheme, convert
from lamina.nn import CHARACTERS, CRF, Independent, Stack, StackOptions, valid_steps
from lamina.nn.recurrent.dropout import drop, drop_rows, drop_words
from lamina.nn.recurrent.options import Units
from lamina.options import Share
from lamina.spec import TYPED_TEXT, LaminaError, Model
from lamina.tasks.saved import SavedModel, several
from lamina.tasks.tag.batch import Spelling, collate
from lamina.tasks.tag.inputs import TagInputs

NAME = "tag"
WORDS, LETTERS = "vocabulary.json", "characters.json"


class TagOptions(StackOptions, frozen=True, kw_only=True):
    """A tagger's shape: the stack's options and

    ``dropout`` also falls on what the stack reads and on what its top layer gives.
    """

    cell: CellName = "lstm"
    depth: int = 1
    bidirectional: Annotated[
        bool, Meta(extra={"off": "Run layers in the forward direction only."})
    ] = True
    embedding: Annotated[Units, Meta(description="Size of a word's (or residue's) vector.")] = 100
    characters: Annotated[
        Literal["auto", "recurrent", "convolution", "none"],
        Meta(
            description="Encoder of a word's characters: a bidirectional layer, filters over "
            "windows of three, or none. auto: recurrent for words, none for residues."
        ),
    ] = "auto"
    character_embedding: Annotated[Units, Meta(description="Size of a character's vector.")] = 25
    character_width: Annotated[
        Units, Meta(description="Units per direction of that layer, or number of filters.")
    ] = 25
    output: Annotated[
        Literal["auto", "softmax", "crf"],
        Meta(
            description="Whether labels depend on each other (crf) or not (softmax). auto: crf if "
            "labels mark spans."
        ),
    ] = "auto"
    word_dropout: Annotated[
        Share, Meta(description="Share of words read as unknown in training.")
    ] = 0.0

    def check_effect(self) -> None:
        super().check_effect()
        if self.characters == "none":
            self.without_effect(
                ["character_embedding", "character_width"], "with characters='none'"
            )


class TagLabels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a tagger answers with.

    names:    of the labels, in the order of the scores.
    scheme:   what they follow; ``None``: they mark no spans.
    written:  the scheme of the file that they were turned from.
    matching: how spans are read from labels.
    """

    names: list[str]
    scheme: SpanScheme | None = None
    written: SpanScheme | None = None
    matching: Matching = "conlleval"

    def read(self, labels: Sequence[str]) -> Sequence[str]:
        """Labels of a file as the model has them."""
        if self.scheme is None or self.scheme == self.written:
            return labels
        return convert(labels, self.scheme)

    def write(self, labels: list[str]) -> list[str]:
        """Labels of the model as the file had them."""
        if self.written is None or self.scheme == self.written:
            return labels
        return convert(labels, self.written)


class Tagger(Model):
    """Embedding of words beside a vector from their characters, stack, linear map to label scores,
    and a softmax or a CRF over them.

    Args:
        options: the shape.
        inputs:  what it reads.
        lexicon: the words and characters that it knows.
        labels:  what it answers with.

    Raises:
        LaminaError: residues with something that reads characters.
    """

    task = NAME
    typed = TYPED_TEXT

    def __init__(self, options: TagOptions, inputs: TagInputs, lexicon: Lexicon, labels: TagLabels):
        super().__init__()
        self.options, self.inputs, self.lexicon, self.labels = options, inputs, lexicon, labels
        self.embedding = nn.Embedding(len(lexicon.words), options.embedding)
        nn.init.normal_(self.embedding.weight, std=0.1)
        characters, output = options.characters, options.output
        if inputs.residues and characters not in ("auto", "none"):
            raise LaminaError(f"characters is {characters!r}; a residue is one, so need 'none'")
        size = options.embedding
        self.spelling = None
        if not inputs.residues and characters != "none":
            kind = CHARACTERS["recurrent" if characters == "auto" else characters]
            self.spelling = kind(
                len(lexicon.characters),
                options.character_embedding,
                options.character_width,
                options.cell,
            )
            size += self.spelling.outputs
        self.stack = Stack(size, options)
        self.head = nn.Linear(self.stack.outputs, len(labels.names))
        crf = output == "crf" or (output == "auto" and labels.scheme is not None)
        self.output = (CRF if crf else Independent)(len(labels.names))

    def forward(
        self,
        inputs: Tensor,
        lengths: Tensor | None = None,
        spelling: Spelling | None = None,
    ) -> Tensor:
        """Words ``(T, B)`` -> scores ``(T, B, K)``; ``spelling``: their
        characters, where the network reads them."""
        p, kind = self.options.dropout, self.options.dropout_kind
        unknown = self.lexicon.words.unknown
        inputs = drop_words(inputs, self.options.word_dropout, unknown, training=self.training)
        if self.spelling is None:
            x, tokens = drop_rows(self.embedding.weight, inputs, p, kind, training=self.training)
            outputs, _ = self.stack(x, lengths=lengths, tokens=tokens)
        else:
            assert spelling is not None
            spelled = self.spelling(spelling.characters, spelling.lengths)  # (W, C)
            which = spelling.which
            if lengths is not None:
                padded = ~valid_steps(lengths, len(inputs), inputs.device)
                inputs, which = inputs.masked_fill(padded, 0), which.masked_fill(padded, 0)
            x = torch.cat((self.embedding(inputs), embedding(which, spelled)), dim=2)
            outputs, _ = self.stack(drop(x, p, kind, training=self.training), lengths=lengths)
        return self.head(drop(outputs, p, kind, training=self.training))

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Model`."""
        return {
            "task": NAME,
            "options": msgspec.to_builtins(self.options),
            "inputs": msgspec.to_builtins(self.inputs),
            "labels": msgspec.to_builtins(self.labels),
            "lookup": {"lower": self.lexicon.lower, "digits": self.lexicon.digits},
        }

    def assets(self) -> dict[str, str]:
        """See :class:`lamina.spec.Model`."""
        return {
            WORDS: self.lexicon.words.to_json(),
            LETTERS: self.lexicon.characters.to_json(),
        }

    @classmethod
    def from_saved(cls, saved: SavedModel) -> Tagger:
        """The same network from what a run folder keeps of it.

        Raises:
            LaminaError: malformed.
        """
        lookup = saved.part("lookup", _Lookup)
        lexicon = Lexicon(
            Vocabulary.from_json(saved.asset(WORDS), WORDS),
            Vocabulary.from_json(saved.asset(LETTERS), LETTERS),
            lookup.lower,
            lookup.digits,
        )
        labels = saved.part("labels", TagLabels)
        if not labels.names:
            raise LaminaError("has no labels", place=saved.place)
        options, inputs = saved.part("options", TagOptions), saved.part("inputs", TagInputs)
        return cls(options, inputs, lexicon, labels)

    # -- answers

    @property
    def vocabulary(self) -> Vocabulary:
        """The words."""
        return self.lexicon.words

    def read(self, path: str | Path) -> list[Sentence]:
        """Sentences from a file of the kind that the model was trained on; it needs no labels."""
        return self.inputs.read(path, labelled=False)

    def predict(self, examples: Sequence[Sentence | str | Sequence[str]]) -> list[str]:
        """The labels of each sentence, with spaces between; see :meth:`answers`."""
        return [" ".join(answer["labels"]) for answer in self.answers(examples)]

    def answers(self, examples: Sequence[Sentence | str | Sequence[str]]) -> list[dict[str, Any]]:
        """``words`` and ``labels`` of each sentence: what :meth:`read` gives, a text with spaces
        between its words, or a list of words.

        Raises:
            LaminaError: an example that is none of these, with its position.
        """
        given = several(examples, "a list of texts, or of lists of words")
        sentences = [self._sentence(e, f"example {i}") for i, e in enumerate(given, start=1)]
        return [
            {"words": list(sentence.words), "labels": self.labels.write(labels)}
            for sentence, labels in zip(sentences, self._label(sentences), strict=True)
        ]

    def show(self, example: Sentence | str, answer: Mapping[str, Any]) -> str:
        """The lines of the sentence with its labels, as the file has them."""
        return self.inputs.write(self._sentence(example, "example"), answer["labels"])

    def _sentence(self, example: Any, place: str) -> Sentence:
        if isinstance(example, Sentence):
            return example
        if isinstance(example, str):
            return self.inputs.typed(example, place)
        if hasattr(example, "tolist"):  # an array, a column of a data frame
            example = example.tolist()
        if not (
            isinstance(example, Sequence)
            and len(example)
            and all(isinstance(word, str) and word for word in example)
        ):
            raise LaminaError(
                f"got {shorten(repr(example), 40)}; need a text, or a list of words", place=place
            )
        return Sentence(example, place)

    def _label(self, sentences: Sequence[Sentence], batch_size: int = 64) -> list[list[str]]:
        forms, encoded = self.lexicon.encode([sentence.words for sentence in sentences])
        steps = [np.stack((words, np.zeros_like(words)), axis=1) for words in encoded]
        spelled = self.spelling is not None
        device = self.head.weight.device
        found: list[list[str]] = [[] for _ in sentences]
        with self.evaluating():
            for members in buckets(lengths_of(steps), batch_size=batch_size):
                batch = collate(forms, steps, members, spelled=spelled).to(device)
                scores = self(batch.inputs, batch.lengths, batch.spelling)
                best = self.output.decode(scores, batch.lengths).T.tolist()
                for i, row in zip(members.tolist(), best, strict=True):
                    length = len(sentences[i].words)
                    found[i] = [self.labels.names[label] for label in row[:length]]
        return found


class _Lookup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lower: bool
    digits: bool
