"""The network that classifies: embedding or features, stack, pooling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from lamina.cells import CellName
from lamina.data import Vocabulary
from lamina.data.batch.batches import padded, ragged
from lamina.data.batch.order import buckets, lengths_of
from lamina.nn import Convolution, Stack, StackOptions, pool
from lamina.nn.recurrent.dropout import drop, drop_rows, drop_words
from lamina.nn.recurrent.options import check_embedding, check_share
from lamina.nn.sequence.convolution import check_convolution
from lamina.spec import LaminaError, Model
from lamina.tasks.classify.inputs import (
    Fitted,
    Inputs,
    TextInputs,
)
from lamina.tasks.classify.labels import Labelling
from lamina.tasks.classify.processor import ClassifyProcessor
from lamina.tasks.saved import SavedModel

NAME = "classify"
_UNKNOWN = 0  # in every vocabulary


class ClassifyOptions(StackOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A classifier's shape: the stack's options and

    embedding:         size of a token's vector (texts only).
    embedding_dropout: share of the embedding's outputs set to zero; ``None``: as ``dropout``.
    word_dropout:      share of words read as unknown in training (texts only).
    convolution:       features of a rectified convolution before the stack (Zhou et al. 2015);
                       ``None``: no convolution.
    kernel:            steps in a window of the convolution.
    stride:            steps between windows.
    pooling:           ``last`` (the last valid state), ``mean``, ``max`` or ``attention``.

    ``dropout`` also falls on the embedding and on what the top layer gives, so that a stack of
    one layer has it too.
    """

    cell: CellName = "gru"
    embedding: int = 128
    embedding_dropout: float | None = None
    word_dropout: float = 0.0
    convolution: int | None = None
    kernel: int = 3
    stride: int = 1
    pooling: Literal["last", "mean", "max", "attention"] = "last"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_embedding(self.embedding)
        check_convolution(self.convolution or 1, self.kernel, self.stride)
        if self.convolution is not None and self.convolution < 1:
            raise LaminaError(f"convolution is {self.convolution}; need at least 1 feature")
        check_share("embedding_dropout", self.embedding_dropout or 0.0)
        check_share("word_dropout", self.word_dropout)


class Classifier(Model):
    """Embedding (texts only), convolution (if asked for), stack, pooling over valid steps, linear
    map to class scores.

    Args:
        options:   the shape.
        inputs:    what it reads.
        fitted:    the vocabulary, or the scale of the features.
        labelling: names of the classes, in the order of the scores, and whether an example has
                   one of them or several.
    """

    task = NAME

    def __init__(
        self, options: ClassifyOptions, inputs: Inputs, fitted: Fitted, labelling: Labelling
    ):
        super().__init__()
        self.options, self.inputs, self.fitted = options, inputs, fitted
        self.labelling = labelling
        self.processor = ClassifyProcessor(inputs, fitted, labelling)
        self.typed = self.processor.typed
        if isinstance(inputs, TextInputs):
            assert isinstance(fitted, Vocabulary)
            self.embedding = nn.Embedding(len(fitted), options.embedding)
            nn.init.normal_(self.embedding.weight, std=0.1)
            size = options.embedding
        else:
            self.embedding = None
            size = inputs.size
        self.convolution = None
        if options.convolution is not None:
            self.convolution = Convolution(
                size, options.convolution, options.kernel, options.stride
            )
            size = options.convolution
        self.stack = Stack(size, options)
        self.pool = pool(options.pooling, self.stack.outputs, options.directions)
        self.head = nn.Linear(self.stack.outputs, len(labelling.names))

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in the order of the scores."""
        return self.labelling.names

    def forward(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Tokens ``(T, B)`` or features ``(T, B, I)`` -> scores ``(B, classes)``."""
        x, tokens = self._entering(inputs)
        if self.convolution is not None:
            (x, lengths), tokens = self.convolution(x, lengths, tokens), None
        outputs, _ = self.stack(x, lengths=lengths, tokens=tokens)
        pooled = self.pool(outputs, lengths)  # (B, D*H): no steps are left to lock
        return self.head(drop(pooled, self.options.dropout, "plain", training=self.training))

    def _entering(self, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features, or a table and its tokens, under dropout in training."""
        if self.embedding is None:
            return inputs, None
        options = self.options
        tokens = drop_words(inputs, options.word_dropout, _UNKNOWN, training=self.training)
        p = options.dropout if options.embedding_dropout is None else options.embedding_dropout
        kind = options.dropout_kind
        return drop_rows(self.embedding.weight, tokens, p, kind, training=self.training)

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Model`."""
        return {
            "task": NAME,
            "options": msgspec.to_builtins(self.options),
            **self.processor.config(),
        }

    def assets(self) -> dict[str, str]:
        """See :class:`lamina.spec.Model`."""
        return self.processor.assets()

    @classmethod
    def from_saved(cls, saved: SavedModel) -> Classifier:
        """The same network from what a run folder keeps of it.

        Raises:
            LaminaError: malformed.
        """
        known = ClassifyProcessor.from_saved(saved)
        options = saved.part("options", ClassifyOptions)
        return cls(options, known.inputs, known.fitted, known.labelling)

    # -- answers

    def read(self, path: str | Path) -> Sequence[Any]:
        """Examples from a file of the kind that the model was trained on; it needs no labels."""
        return self.processor.read(path)

    def read_labelled(self, path: str | Path) -> tuple[Sequence[Any], list[dict[str, str]]]:
        """See :class:`lamina.spec.Model`: ``place`` of a text, ``id`` of a sequence."""
        return self.processor.read_labelled(path)

    def predict_proba(self, examples: Sequence[Any], batch_size: int = 64) -> np.ndarray:
        """Probability of each class for texts, or for arrays ``(T, I)``: ``(N, classes)``.

        Raises:
            LaminaError: an example that cannot be read, with its position.
        """
        arrays = self.processor.encode(examples)
        scores = torch.empty(len(arrays), len(self.labels))
        device = self.head.weight.device
        with self.evaluating():
            for members in buckets(lengths_of(arrays), batch_size=batch_size):
                inputs, lengths = padded([arrays[i] for i in members])
                given = self(inputs.to(device), ragged(lengths))
                scores[torch.from_numpy(members)] = given.float().cpu()
        return self.labelling.probabilities(scores.numpy())

    def predict(self, examples: Sequence[Any]) -> list[str]:
        """The most probable label of each text, or of each array ``(T, I)``; of several labels,
        those above the threshold with the separator between them."""
        return [self.labelling.predicted(row) for row in self.predict_proba(examples)]

    def answers(self, examples: Sequence[Any]) -> list[dict[str, Any]]:
        """For people and programs: ``label`` and ``probability`` of each example, or its
        ``labels`` and their ``probabilities``."""
        return [self.labelling.answer(row) for row in self.predict_proba(examples)]
