"""Language modelling: the next character or word of a text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from lamina.data import (
    ChainedBatches,
    Mixture,
    StreamBatches,
    Tokens,
    Vocabulary,
    read_text,
    tokenise,
)
from lamina.data.split import PARTS
from lamina.nn import Stack, StackOptions
from lamina.nn.dropout import drop, drop_rows
from lamina.nn.options import check_embedding
from lamina.nn.softmax import AdaptiveSoftmax
from lamina.spec import PERPLEXITY, Batch, LaminaError, Model, Part, State, Step, detach
from lamina.store.structs import changed, struct_from
from lamina.tasks.inputs import as_sources
from lamina.tasks.language_data import LanguageModelData, count, read, renumbered, vocabulary

NAME = "language-model"
ASSET = "vocabulary.json"
#: Tokens in a row from one source of a mixture, in multiples of ``steps``: a piece begins behind
#: another author's words, and few do.
PIECE_STEPS = 20


class LanguageModelOptions(StackOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A language model's shape: the stack's options and

    embedding: size of a token's vector, or ``"onehot"``: the token itself is the input.
    tied:      the embedding is the output map too (Press and Wolf 2017); where the sizes differ, a
               linear map without bias stands between.
    softmax:   ``"full"``, or ``"adaptive"`` (Grave et al. 2017): rare tokens are scored through
               smaller maps, and only where they are needed; several times as fast for words.
    cutoffs:   of the adaptive softmax: the numbers of tokens, the most frequent first, at which
               a smaller map begins.
    embedding_dropout: share of the tokens whose embedding is set to zero wherever they stand in a
               batch (Merity et al. 2018, section 4.3).

    ``dropout`` also falls on the embedding and on what the top layer gives, so that a stack of
    one layer has it too.
    """

    embedding: int | Literal["onehot"] = 128
    tied: bool = False
    softmax: Literal["full", "adaptive"] = "full"
    cutoffs: tuple[int, ...] = (2000, 10_000)
    embedding_dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_embedding(self.embedding)
        if self.bidirectional:
            raise LaminaError("bidirectional=True would let a language model read its own answer")
        if self.tied and self.embedding == "onehot":
            raise LaminaError("tied=True needs an embedding; got embedding='onehot'")
        if self.tied and self.softmax == "adaptive":
            raise LaminaError("tied=True needs softmax='full'; an adaptive one has maps of its own")
        if not self.cutoffs or list(self.cutoffs) != sorted({*self.cutoffs}) or self.cutoffs[0] < 1:
            raise LaminaError(f"cutoffs are {self.cutoffs}; need rising numbers above 0")
        if not 0 <= self.embedding_dropout < 1:
            raise LaminaError(
                f"embedding_dropout is {self.embedding_dropout}; need 0 <= embedding_dropout < 1"
            )
        if self.embedding_dropout and self.embedding == "onehot":
            raise LaminaError("embedding_dropout needs an embedding; got embedding='onehot'")


class LanguageNetwork(Model):
    """Embedding, stack, linear map to a score for each token.

    Args:
        options:    the shape.
        vocabulary: the tokens.
    """

    task = NAME

    def __init__(self, options: LanguageModelOptions, vocabulary: Vocabulary):
        super().__init__()
        self.options, self.vocabulary = options, vocabulary
        size = len(vocabulary)
        self.embedding = None
        if options.embedding != "onehot":
            self.embedding = nn.Embedding(size, options.embedding)
            nn.init.normal_(self.embedding.weight, std=0.1)
        shape = {name: getattr(options, name) for name in StackOptions.__struct_fields__}
        self.stack = Stack(
            size if options.embedding == "onehot" else options.embedding, StackOptions(**shape)
        )
        self.bridge = None
        if options.tied and self.stack.outputs != options.embedding:
            self.bridge = nn.Linear(self.stack.outputs, self.stack.inputs, bias=False)
        # A tied output map has no weight of its own.
        self.head: nn.Module | None = None
        if options.softmax == "adaptive":
            self.head = AdaptiveSoftmax(self.stack.outputs, size, options.cutoffs)
        elif not options.tied:
            self.head = nn.Linear(self.stack.outputs, size)
        self.head_bias = nn.Parameter(torch.zeros(size)) if options.tied else None

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
            return self.head.loss(outputs, targets), final
        return cross_entropy(self._scores(outputs).flatten(0, 1), targets.flatten()), final

    def _read(self, tokens: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Tokens ``(T, B)`` -> what the output map is given, ``(T, B, H)``, and the state."""
        p, kind = self.options.dropout, self.options.dropout_kind
        if self.embedding is None:
            outputs, final = self.stack(None, state, tokens=tokens)
        else:
            x, rows = drop_rows(
                self.embedding.weight,
                tokens,
                p,
                kind,
                training=self.training,
                p_rows=self.options.embedding_dropout,
            )
            outputs, final = self.stack(x, state, tokens=rows)
        return drop(outputs, p, kind, training=self.training), final

    def _scores(self, outputs: Tensor) -> Tensor:
        if self.head is not None:
            return self.head(outputs)
        assert self.embedding is not None
        if self.bridge is not None:
            outputs = self.bridge(outputs)
        return linear(outputs, self.embedding.weight, self.head_bias)

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Model`."""
        return {"task": NAME, "options": msgspec.to_builtins(self.options)}

    def assets(self) -> dict[str, str]:
        """See :class:`lamina.spec.Model`."""
        return {ASSET: self.vocabulary.to_json()}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], assets: Mapping[str, str], place: str
    ) -> LanguageNetwork:
        """The same network from what :meth:`config` and :meth:`assets` gave.

        Raises:
            LaminaError: malformed.
        """
        options = struct_from(
            LanguageModelOptions, config.get("options") or {}, what="model option", place=place
        )
        if ASSET not in assets:
            raise LaminaError(f"has no {ASSET}", place=place)
        return cls(options, Vocabulary.from_json(assets[ASSET], ASSET))

    # -- answers

    def read(self, path: str | Path) -> list[str]:
        """Prompts from a text file, one a line."""
        return [line for line in read_text(path).splitlines() if line.strip()]

    @torch.no_grad()
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
        if length < 0 or not temperature >= 0 or (top_k is not None and top_k < 1):
            raise LaminaError(
                f"got length {length}, temperature {temperature}, top_k {top_k}; need a length "
                "and a temperature of 0 or more and top_k of at least 1"
            )
        read = self.vocabulary.encode(prompt)
        if not len(read):
            raise LaminaError(f"nothing is left of the prompt {prompt!r}; need at least one token")
        device = next(self.parameters()).device
        generator = torch.Generator().manual_seed(seed)
        was_training = self.training
        self.eval()
        tokens = torch.from_numpy(read)[:, None].to(device)  # (T, 1)
        state: State | None = None
        made: list[int] = []
        for _ in range(length):
            scores, state = self(tokens, state)
            made.append(self._draw(scores[-1, 0].float().cpu(), temperature, top_k, generator))
            tokens = torch.tensor([[made[-1]]], device=device)
        self.train(was_training)
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
        return [{"text": self.generate(prompt, 80, temperature=0)} for prompt in examples]

    def predict(self, examples: Sequence[str]) -> list[str]:
        """Each prompt with its most probable continuation."""
        return [answer["text"] for answer in self.answers(examples)]


class LanguageModel:
    """Learn to say what comes next in a text.

    >>> task = LanguageModel("book.txt", level="char")                # doctest: +SKIP
    >>> model = task.model(cell="lstm", depth=2, width=256)           # doctest: +SKIP

    Args:
        source: a file or the name of a corpus, or several of them; with ``changes``, the fields
            of :class:`LanguageModelData`.

    Raises:
        LaminaError: a text that cannot be read or is too short.
    """

    name = NAME
    metric = PERPLEXITY
    Data = LanguageModelData
    Options = LanguageModelOptions
    Network = LanguageNetwork

    def __init__(self, source: str | Path | Sequence[str | Path], **changes: Any):
        self.data = data = struct_from(
            LanguageModelData, {"source": as_sources(source), **changes}, what="field"
        )
        sources = read(data)
        self.names = [source.name for source in sources]
        self.fingerprints = {p: sha for source in sources for p, sha in source.fingerprints.items()}
        self.vocabulary = vocabulary(data, sources)
        #: Of each part, the tokens of each source.
        self.texts: dict[Part, list[Tokens]] = {
            part: [
                renumbered(
                    source.parts[part],
                    self.vocabulary,
                    data.max_tokens if part == "train" else None,
                )
                for source in sources
            ]
            for part in PARTS
        }
        self.batches("train")  # too short a text is refused here, not in the first epoch

    @classmethod
    def for_model(cls, model: LanguageNetwork, path: str | Path, **changes: Any) -> LanguageModel:
        """A task whose test part is the file at ``path``, read as ``model`` reads."""
        task = cls.__new__(cls)
        known = task.vocabulary = model.vocabulary
        as_model = {"level": known.level, "normalize": known.normalize}
        fields = {"source": str(path), **as_model, **changes}
        task.data = struct_from(LanguageModelData, fields, what="field")
        whole, sha = tokenise(path, level=known.level, normalize=known.normalize)
        test = renumbered(whole["train"], known)
        if len(test) < 2:
            raise LaminaError(f"got {len(test)} tokens; need at least 2", place=str(path))
        nothing = np.zeros(0, np.int64)
        task.texts = {"train": [nothing], "validation": [nothing], "test": [test]}
        task.names, task.fingerprints = [str(path)], {str(path): sha}
        return task

    @property
    def tokens(self) -> dict[Part, Tokens]:
        """Of each part, the tokens of the first source."""
        return {part: texts[0] for part, texts in self.texts.items()}

    def model(
        self, options: LanguageModelOptions | None = None, /, **changes: Any
    ) -> LanguageNetwork:
        """A fresh network for this vocabulary."""
        chosen = changed(options or LanguageModelOptions(), changes, what="model option")
        return LanguageNetwork(chosen, self.vocabulary)

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        """A contiguous stream; each batch goes on where the one before ended.

        Several sources are mixed to one stream in training; to be scored, each is a stream of
        its own, one after the other.
        """
        data, texts = self.data, self.texts[part]
        if part != "train":
            streams = [self._stream(text) for text in texts]
            return ChainedBatches(streams) if len(texts) > 1 else streams[0]
        rng = np.random.default_rng([seed, epoch])
        tokens = texts[0]
        if len(texts) > 1:
            piece = PIECE_STEPS * data.steps
            tokens = Mixture(texts, data.weights or None, piece_tokens=piece, rng=rng)
        offset = 0
        if data.random_offset:
            spare = max(len(tokens) - 1 - data.batch_size, 0)
            offset = int(rng.integers(0, min(data.steps, spare) + 1))
        return StreamBatches(tokens, batch_size=data.batch_size, steps=data.steps, offset=offset)

    def _stream(self, tokens: Tokens) -> Sequence[Batch]:
        """All of a text, to be scored."""
        if len(tokens) < 2:
            return []
        # Every column starts without a past, so a short part is read in few columns.
        columns = min(self.data.batch_size, max(1, len(tokens) // (20 * self.data.steps)))
        return StreamBatches(tokens, batch_size=columns, steps=self.data.steps)

    def step(self, model: Model, batch: Batch, state: State | None) -> Step:
        """Mean cross-entropy of a batch's tokens; where they are of one source among several, also
        what to add up for that source."""
        assert isinstance(model, LanguageNetwork)
        loss, final = model.loss(batch.inputs, batch.targets, state)
        count = batch.targets.numel()
        total = loss.detach() * count
        sums = {"loss": total}
        if (source := batch.more.get("source")) is not None:
            for number, name in enumerate(self.names):
                here = source == number
                sums[f"loss[{name}]"] = total * here
                sums[f"count[{name}]"] = count * here
        return Step(loss, sums, count, detach(final))

    def baseline(self) -> float:
        """Perplexity on the validation part of the training part's token frequencies, with one
        added to each count (Laplace), whatever came before."""
        train, validation = (self._counts(part) for part in ("train", "validation"))
        nats = -np.log((train + 1.0) / (train + 1.0).sum())
        return float(np.exp(validation @ nats / validation.sum()))

    def _counts(self, part: Part) -> np.ndarray:
        """How often each token stands in a part of the sources that train."""
        counts = np.zeros(len(self.vocabulary), np.int64)
        for number, text in enumerate(self.texts[part]):
            if self.data.trains(number):
                counts += count(text, len(counts))
        return counts

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """``loss`` in nats a token and ``perplexity``, its exponential, of the sources that train;
        and, where several were scored, of each by its name: ``perplexity[wells]``."""
        each = {
            name: (sums[f"loss[{name}]"], sums[f"count[{name}]"])
            for name in self.names
            if sums.get(f"count[{name}]")
        }
        counted = [
            each[name] for k, name in enumerate(self.names) if name in each and self.data.trains(k)
        ]
        if counted:
            loss = sum(loss for loss, _ in counted) / sum(n for _, n in counted)
        else:
            loss = sums["loss"] / count
        found = {"loss": loss, "perplexity": _perplexity(loss)}
        for name, (total, n) in each.items():
            found[f"perplexity[{name}]"] = _perplexity(total / n)
        return found

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Task`."""
        return {
            "name": NAME,
            "data": msgspec.to_builtins(self.data),
            "fingerprints": self.fingerprints,
            "sizes": {part: sum(map(len, texts)) for part, texts in self.texts.items()},
        }


def _perplexity(loss: float) -> float:
    return math.exp(loss) if loss < 700 else math.inf
