"""The network that continues a text: embedding, stack, output map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from lamina.data import Vocabulary
from lamina.data.read.formats.tabbed import read_texts
from lamina.nn import Stack, StackOptions
from lamina.nn.heads.adaptive import AdaptiveSoftmax
from lamina.nn.recurrent.dropout import drop, drop_embedded, drop_rows
from lamina.nn.recurrent.options import Units
from lamina.options import Count, Natural, NonNegative, Options, Share
from lamina.spec import TYPED_TEXT, LaminaError, Model, State
from lamina.tasks.saved import SavedModel, texts

NAME = "language-model"
ASSET = "vocabulary.json"


class Sampling(Options, frozen=True, kw_only=True):
    """The arguments of :meth:`LanguageModel.generate`, checked."""

    prompt: str
    length: Natural
    temperature: NonNegative
    top_k: Count | None
    seed: Annotated[int, Meta(ge=-(2**63), lt=2**63)]


class LanguageModelOptions(StackOptions, frozen=True, kw_only=True):
    """A language model's shape: the stack's options and

    ``dropout`` also falls on the embedding and on what the top layer gives, so that a stack of
    one layer has it too.
    """

    embedding: Annotated[
        Units | Literal["onehot"],
        Meta(description="Size of a token's vector, or onehot: the token itself is the input."),
    ] = 128
    #: Press and Wolf (2017); with an adaptive softmax, Baevski and Auli (2019).
    tied: Annotated[
        bool,
        Meta(
            description="Share the embedding with the output layer; if their sizes differ, a "
            "linear map without bias joins them."
        ),
    ] = False
    #: Adaptive: Grave et al. (2017).
    softmax: Annotated[
        Literal["full", "adaptive"],
        Meta(
            description="Output layer: full, or adaptive, which scores rare tokens through smaller "
            "matrices and only when needed; several times as fast for words."
        ),
    ] = "full"
    cutoffs: Annotated[
        tuple[int, ...],
        Meta(
            description="Numbers of tokens, most frequent first, at which the adaptive softmax "
            "switches to a smaller matrix."
        ),
    ] = (2000, 10_000)
    #: Merity et al. (2018), section 4.3.
    embedding_dropout: Annotated[
        Share,
        Meta(description="Share of the tokens whose embedding is set to zero throughout a batch."),
    ] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bidirectional:
            raise LaminaError("bidirectional=True would let a language model read its own answer")
        if self.tied and self.embedding == "onehot":
            raise LaminaError("tied=True needs an embedding; got embedding='onehot'")

    def check_effect(self) -> None:
        super().check_effect()
        if self.softmax != "adaptive":
            self.without_effect(["cutoffs"], "without softmax='adaptive'")
        if not self.cutoffs or list(self.cutoffs) != sorted({*self.cutoffs}) or self.cutoffs[0] < 1:
            raise LaminaError(f"cutoffs are {self.cutoffs}; need rising numbers above 0")
        if self.embedding_dropout and self.embedding == "onehot":
            raise LaminaError("embedding_dropout needs an embedding; got embedding='onehot'")


class LanguageNetwork(Model):
    """Embedding, stack, linear map to a score for each token.

    Args:
        options:    the shape.
        vocabulary: the tokens.
    """

    task = NAME
    typed = TYPED_TEXT

    def __init__(self, options: LanguageModelOptions, vocabulary: Vocabulary):
        super().__init__()
        self.options, self.vocabulary = options, vocabulary
        size = len(vocabulary)
        adaptive = options.softmax == "adaptive"
        self.embedding = None
        if options.embedding != "onehot" and not (options.tied and adaptive):
            self.embedding = nn.Embedding(size, options.embedding)
            nn.init.normal_(self.embedding.weight, std=0.1)
        self.stack = Stack(size if options.embedding == "onehot" else options.embedding, options)
        self.bridge = None
        if options.tied and self.stack.outputs != options.embedding:
            self.bridge = nn.Linear(self.stack.outputs, self.stack.inputs, bias=False)
        # Of a tied pair, the embedding has the weights; of an adaptive one, the output map.
        scored = self.stack.inputs if options.tied else self.stack.outputs
        self.head: nn.Module | None = None
        if adaptive:
            self.head = AdaptiveSoftmax(scored, size, options.cutoffs)
        elif not options.tied:
            self.head = nn.Linear(scored, size)
        self.head_bias = nn.Parameter(torch.zeros(size)) if self.head is None else None

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Tokens ``(T, B)`` -> scores of the token after each, ``(T, B, V)``, and the state."""
        outputs, final = self._read(tokens, state)
        return self._scores(outputs), final

    def loss(
        self, tokens: Tensor, targets: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        """The mean cross-entropy of ``targets`` ``(T, B)`` in nats, and the state."""
        outputs, final = self._read(tokens, state)
        if isinstance(self.head, AdaptiveSoftmax):
            return self.head.loss(self._bridged(outputs), targets), final
        return cross_entropy(self._scores(outputs).flatten(0, 1), targets.flatten()), final

    def _read(self, tokens: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Tokens ``(T, B)`` -> what the output map is given, ``(T, B, H)``, and the state."""
        p, kind = self.options.dropout, self.options.dropout_kind
        p_rows = self.options.embedding_dropout
        if self.embedding is not None:
            x, rows = drop_rows(
                self.embedding.weight, tokens, p, kind, training=self.training, p_rows=p_rows
            )
            outputs, final = self.stack(x, state, tokens=rows)
        elif isinstance(self.head, AdaptiveSoftmax) and self.options.tied:
            x = self.head.embed(tokens)
            if self.training:
                x = drop_embedded(x, tokens, p, kind, len(self.vocabulary), p_rows)
            outputs, final = self.stack(x, state)
        else:
            outputs, final = self.stack(None, state, tokens=tokens)
        return drop(outputs, p, kind, training=self.training), final

    def _scores(self, outputs: Tensor) -> Tensor:
        outputs = self._bridged(outputs)
        if self.head is not None:
            return self.head(outputs)
        assert self.embedding is not None
        return linear(outputs, self.embedding.weight, self.head_bias)

    def _bridged(self, outputs: Tensor) -> Tensor:
        """What the output map is given: of the embedding's size, if that is tied to it."""
        return outputs if self.bridge is None else self.bridge(outputs)

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Model`."""
        return {"task": NAME, "options": msgspec.to_builtins(self.options)}

    def assets(self) -> dict[str, str]:
        """See :class:`lamina.spec.Model`."""
        return {ASSET: self.vocabulary.to_json()}

    @classmethod
    def from_saved(cls, saved: SavedModel) -> LanguageNetwork:
        """The same network from what a run folder keeps of it.

        Raises:
            LaminaError: malformed.
        """
        vocabulary = Vocabulary.from_json(saved.asset(ASSET), ASSET)
        return cls(saved.part("options", LanguageModelOptions), vocabulary)

    # -- answers

    def read(self, path: str | Path) -> list[str]:
        """Prompts from a text file, one a line.

        Raises:
            LaminaError: a line is blank, with its number.
        """
        return read_texts(path)

    def generate(
        self,
        prompt: str,
        length: int = 200,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int = 0,
    ) -> str:
        """``prompt`` and ``length`` tokens drawn after it, one at a time.

        temperature: scores are divided by it; 0 takes the most probable token each time.
        top_k:       draw among the ``k`` most probable only.

        Raises:
            LaminaError: a prompt without a token, or settings that make no sense.
        """
        Sampling(prompt=prompt, length=length, temperature=temperature, top_k=top_k, seed=seed)
        read = self.vocabulary.encode(prompt)
        if not len(read):
            raise LaminaError(f"nothing is left of the prompt {prompt!r}; need at least one token")
        device = next(self.parameters()).device
        generator = torch.Generator().manual_seed(seed)
        tokens = torch.from_numpy(read)[:, None].to(device)  # (T, 1)
        state: State | None = None
        made: list[int] = []
        with self.evaluating():
            for _ in range(length):
                scores, state = self(tokens, state)
                made.append(self._draw(scores[-1, 0].float().cpu(), temperature, top_k, generator))
                tokens = torch.tensor([[made[-1]]], device=device)
        return self.vocabulary.decode(np.concatenate((read, np.array(made, dtype=np.int64))))

    def _draw(
        self, scores: Tensor, temperature: float, top_k: int | None, generator: torch.Generator
    ) -> int:
        scores[self.vocabulary.unknown] = -torch.inf
        if temperature == 0:
            return int(scores.argmax())
        if top_k is not None and top_k < len(scores):
            scores[scores < scores.topk(top_k).values[-1]] = -torch.inf
        scaled = (scores - scores.max()).double() / temperature
        return int(torch.multinomial(torch.softmax(scaled, 0), 1, generator=generator))

    def answers(self, examples: Sequence[str]) -> list[dict[str, Any]]:
        """The most probable continuation of each prompt."""
        return [{"text": self.generate(prompt, 80, temperature=0)} for prompt in texts(examples)]

    def predict(self, examples: Sequence[str]) -> list[str]:
        """Each prompt with its most probable continuation."""
        return [answer["text"] for answer in self.answers(examples)]
