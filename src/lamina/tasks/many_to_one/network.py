"""The network: embedding or features, stack, pooling, linear map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
import numpy as np
import torch
from msgspec import Meta
from torch import Tensor, nn

from lamina.cells import CellName
from lamina.data import Vocabulary
from lamina.data.batch.batches import padded, ragged
from lamina.data.batch.order import buckets, lengths_of
from lamina.nn import Convolution, Stack, StackOptions, pool
from lamina.nn.recurrent.dropout import drop, drop_rows, drop_words
from lamina.nn.recurrent.options import Units
from lamina.options import Count, Share, refuse
from lamina.spec import Model
from lamina.tasks.many_to_one.inputs import TextInputs
from lamina.tasks.many_to_one.processor import ExampleProcessor
from lamina.tasks.saved import SavedModel

if TYPE_CHECKING:
    from typing_extensions import Self

_UNKNOWN = 0  # in every vocabulary


class ManyToOneOptions(StackOptions, frozen=True, kw_only=True):
    """The network's shape: the stack's options and

    ``dropout`` also falls on the embedding and on what the top layer gives, so that a stack of
    one layer has it too.
    """

    cell: CellName = "gru"
    embedding: Annotated[Units, Meta(description="Size of a token's vector (texts only).")] = 128
    embedding_dropout: Annotated[
        Share | None,
        Meta(description="Share of the embedding's outputs set to zero; None: as dropout."),
    ] = None
    word_dropout: Annotated[
        Share, Meta(description="Share of words read as unknown in training (texts only).")
    ] = 0.0
    #: Zhou et al. (2015).
    convolution: Annotated[
        Units | None,
        Meta(
            description="Features of a rectified convolution before the stack; None: no "
            "convolution."
        ),
    ] = None
    kernel: Annotated[Units, Meta(description="Steps in a window of the convolution.")] = 3
    stride: Annotated[Units, Meta(description="Steps between windows.")] = 1
    pooling: Annotated[
        Literal["last", "mean", "max", "attention"],
        Meta(
            description="How the outputs are pooled: the last valid state, mean, max or attention."
        ),
    ] = "last"

    def check_effect(self) -> None:
        super().check_effect()
        if self.convolution is None:
            self.without_effect(["kernel", "stride"], "without convolution=")


class ManyToOne(Model):
    """Embedding (texts only), convolution (if one is wanted), stack, pooling over valid steps,
    linear map to the scores.

    Args:
        options:   the shape.
        processor: reads and encodes what the network gets, and decodes its scores.

    Attributes:
        Processor: the class of ``processor``.
    """

    Processor: ClassVar[type[ExampleProcessor]]
    processor: Any

    def __init__(self, options: ManyToOneOptions, processor: ExampleProcessor):
        super().__init__()
        self.options, self.processor = options, processor
        self.inputs = processor.inputs
        self.typed = processor.typed
        if isinstance(self.inputs, TextInputs):
            assert isinstance(processor.fitted, Vocabulary)
            self.embedding = nn.Embedding(len(processor.fitted), options.embedding)
            nn.init.normal_(self.embedding.weight, std=0.1)
            size = options.embedding
        else:
            self.embedding = None
            size = self.inputs.size
        self.convolution = None
        if options.convolution is not None:
            self.convolution = Convolution(
                size, options.convolution, options.kernel, options.stride
            )
            size = options.convolution
        self.stack = Stack(size, options)
        self.pool = pool(options.pooling, self.stack.outputs, options.directions)
        self.head = nn.Linear(self.stack.outputs, processor.outputs)

    def forward(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Tokens ``(T, B)`` or features ``(T, B, I)`` -> scores ``(B, C)``."""
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
        options = msgspec.to_builtins(self.options)
        return {"task": self.task, "options": options, **self.processor.config()}

    def assets(self) -> dict[str, str]:
        """See :class:`lamina.spec.Model`."""
        return self.processor.assets()

    @classmethod
    def from_saved(cls, saved: SavedModel) -> Self:
        """The same network from what a run folder keeps of it.

        Raises:
            LaminaError: malformed.
        """
        processor = cls.Processor.from_saved(saved)
        return cls(saved.part("options", ManyToOneOptions), processor)

    # -- answers

    def read(self, path: str | Path) -> Sequence[Any]:
        """Examples from a file of the kind that the model was trained on; it needs no answers."""
        return self.processor.read(path)

    def read_labelled(self, path: str | Path) -> tuple[Sequence[Any], list[dict[str, str]]]:
        """See :class:`lamina.spec.Model`: ``place`` of a text, ``id`` of a sequence."""
        return self.processor.read_labelled(path)

    def scores(self, examples: Sequence[Any], batch_size: int = 64) -> np.ndarray:
        """What the network gives for texts, or for arrays ``(T, I)``: ``(N, C)`` float32.

        Raises:
            LaminaError: an example that cannot be read, with its position.
        """
        refuse("batch_size", batch_size, Count)
        arrays = self.processor.encode(examples)
        scores = torch.empty(len(arrays), self.processor.outputs)
        device = self.head.weight.device
        with self.evaluating():
            for members in buckets(lengths_of(arrays), batch_size=batch_size):
                inputs, lengths = padded([arrays[i] for i in members])
                given = self(inputs.to(device), ragged(lengths))
                scores[torch.from_numpy(members)] = given.float().cpu()
        return scores.numpy()

    def answers(self, examples: Sequence[Any]) -> list[dict[str, Any]]:
        """What the processor makes of the scores of each example."""
        return self.processor.decode(self.scores(examples))

    def show(self, example: Any, answer: Mapping[str, Any]) -> str:
        """See :class:`lamina.spec.answers.Answers`."""
        return self.processor.show(example, answer)
