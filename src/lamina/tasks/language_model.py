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
    StreamBatches,
    Vocabulary,
    as_shares,
    find,
    fingerprint,
    read_text,
    split_stream,
)
from lamina.data.corpora import CORPORA
from lamina.data.vocabulary import Level, Normalize
from lamina.nn import Stack, StackOptions
from lamina.nn.dropout import drop, drop_rows
from lamina.nn.options import check_embedding
from lamina.spec import PERPLEXITY, Batch, LaminaError, Model, Part, State, Step, detach
from lamina.store.structs import changed, struct_from
from lamina.tasks.inputs import as_source

NAME = "language-model"
ASSET = "vocabulary.json"


class LanguageModelData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the text is and how it is read, split and batched.

    source:         a UTF-8 text file, or the name of a corpus (``timemachine``, ``wikitext2``).
    validation:     a file with the validation part; ``None``: cut from ``source``.
    test:           a file with the test part; ``None``: cut from ``source``.
    fractions:      shares of train, validation and test, by position: the start of the text
                    trains, its end tests. A part with a file of its own takes none.
    level:          tokens are characters or words.
    normalize:      of the text, before it is cut into tokens.
    max_vocabulary: the most frequent tokens of the training part are kept.
    min_count:      tokens seen less often in the training part are unknown.
    max_tokens:     only so many tokens of the training part are used; ``None``: all.
    batch_size:     columns that are read side by side.
    steps:          tokens between two truncations of back-propagation through time.
    random_offset:  pass over up to ``steps`` tokens at the start, drawn anew each epoch, so that
                    the truncations fall elsewhere.
    """

    source: str
    validation: str | None = None
    test: str | None = None
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
    level: Level = "char"
    normalize: Normalize = "none"
    max_vocabulary: int = 50_000
    min_count: int = 1
    max_tokens: int | None = None
    batch_size: int = 32
    steps: int = 35
    random_offset: bool = True

    def __post_init__(self) -> None:
        as_shares(self.fractions)
        for name in ("max_vocabulary", "min_count", "max_tokens", "batch_size", "steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise LaminaError(f"{name} is {value}; need at least 1")


class LanguageModelOptions(StackOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A language model's shape: the stack's options and

    embedding: size of a token's vector, or ``"onehot"``: the token itself is the input.
    tied:      the embedding is the output map too (Press and Wolf 2017); where the sizes differ, a
               linear map without bias stands between.

    ``dropout`` also falls on the embedding and on what the top layer gives, so that a stack of
    one layer has it too.
    """

    embedding: int | Literal["onehot"] = 128
    tied: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_embedding(self.embedding)
        if self.bidirectional:
            raise LaminaError("bidirectional=True would let a language model read its own answer")
        if self.tied and self.embedding == "onehot":
            raise LaminaError("tied=True needs an embedding; got embedding='onehot'")


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
        self.head = nn.Linear(self.stack.outputs, size) if not options.tied else None
        self.head_bias = nn.Parameter(torch.zeros(size)) if options.tied else None

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Tokens ``(T, B)`` -> scores of the token after each, ``(T, B, V)``, and the state."""
        p, kind = self.options.dropout, self.options.dropout_kind
        if self.embedding is None:
            outputs, final = self.stack(None, state, tokens=tokens)
        else:
            x, rows = drop_rows(self.embedding.weight, tokens, p, kind, training=self.training)
            outputs, final = self.stack(x, state, tokens=rows)
        outputs = drop(outputs, p, kind, training=self.training)
        if self.head is not None:
            return self.head(outputs), final
        assert self.embedding is not None
        if self.bridge is not None:
            outputs = self.bridge(outputs)
        return linear(outputs, self.embedding.weight, self.head_bias), final

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
        source: a file or the name of a corpus; with ``changes``, the fields of
            :class:`LanguageModelData`.

    Raises:
        LaminaError: a text that cannot be read or is too short.
    """

    name = NAME
    metric = PERPLEXITY
    Data = LanguageModelData
    Options = LanguageModelOptions
    Network = LanguageNetwork

    def __init__(self, source: str | Path, **changes: Any):
        self.data = data = struct_from(
            LanguageModelData, {"source": as_source(source), **changes}, what="field"
        )
        texts, self.fingerprints = _read(data)
        self.vocabulary = Vocabulary.build(
            [texts["train"]],
            level=data.level,
            max_size=data.max_vocabulary,
            min_count=data.min_count,
            normalize=data.normalize,
        )
        self.tokens = {part: self.vocabulary.encode(text) for part, text in texts.items()}
        self.tokens["train"] = self.tokens["train"][: data.max_tokens]
        self.batches("train")  # too short a text is refused here, not in the first epoch

    @classmethod
    def for_model(cls, model: LanguageNetwork, path: str | Path, **changes: Any) -> LanguageModel:
        """A task whose test part is the file at ``path``, read as ``model`` reads."""
        task = cls.__new__(cls)
        task.data = struct_from(LanguageModelData, {"source": str(path), **changes}, what="field")
        task.vocabulary = model.vocabulary
        nothing = np.zeros(0, np.int64)
        test = task.vocabulary.encode(read_text(path))
        if len(test) < 2:
            raise LaminaError(f"got {len(test)} tokens; need at least 2", place=str(path))
        task.tokens = {"train": nothing, "validation": nothing, "test": test}
        task.fingerprints = {str(path): fingerprint(path)}
        return task

    def model(
        self, options: LanguageModelOptions | None = None, /, **changes: Any
    ) -> LanguageNetwork:
        """A fresh network for this vocabulary."""
        chosen = changed(options or LanguageModelOptions(), changes, what="model option")
        return LanguageNetwork(chosen, self.vocabulary)

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        """A contiguous stream; each batch goes on where the one before ended."""
        tokens, data = self.tokens[part], self.data
        if part != "train":
            if len(tokens) < 2:
                return []
            # Every column starts without a past, so a short part is read in few columns.
            columns = min(data.batch_size, max(1, len(tokens) // (20 * data.steps)))
            return StreamBatches(tokens, batch_size=columns, steps=data.steps)
        offset = 0
        if data.random_offset:
            spare = max(len(tokens) - 1 - data.batch_size, 0)
            rng = np.random.default_rng([seed, epoch])
            offset = int(rng.integers(0, min(data.steps, spare) + 1))
        return StreamBatches(tokens, batch_size=data.batch_size, steps=data.steps, offset=offset)

    def step(self, model: Model, batch: Batch, state: State | None) -> Step:
        """Mean cross-entropy of a batch's tokens."""
        scores, final = model(batch.inputs, state)
        loss = cross_entropy(scores.flatten(0, 1), batch.targets.flatten())
        count = batch.targets.numel()
        return Step(loss, {"loss": loss.detach() * count}, count, detach(final))

    def baseline(self) -> float:
        """Perplexity on the validation part of the training part's token frequencies, with one
        added to each count (Laplace), whatever came before."""
        size = len(self.vocabulary)
        counts = np.bincount(self.tokens["train"], minlength=size) + 1.0
        return float(np.exp(-np.log(counts / counts.sum())[self.tokens["validation"]].mean()))

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """``loss`` in nats a token and ``perplexity``, its exponential."""
        loss = sums["loss"] / count
        return {"loss": loss, "perplexity": math.exp(loss) if loss < 700 else math.inf}

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Task`."""
        return {
            "name": NAME,
            "data": msgspec.to_builtins(self.data),
            "fingerprints": self.fingerprints,
            "sizes": {part: len(tokens) for part, tokens in self.tokens.items()},
        }


def _read(data: LanguageModelData) -> tuple[dict[str, str], dict[str, str]]:
    """The text of each part, and the fingerprints of the files."""
    source = Path(data.source)
    paths: dict[str, Path] = {"source": source}
    if not source.exists() and data.source in CORPORA:
        found = find(data.source)
        paths = {("source" if role in ("text", "train") else role): p for role, p in found.items()}
    for part in ("validation", "test"):
        if own := getattr(data, part):
            paths[part] = Path(own)
    texts = {part: read_text(path) for part, path in paths.items()}
    train, validation, test = data.fractions
    validation = 0.0 if "validation" in texts else validation
    test = 0.0 if "test" in texts else test
    whole = train + validation + test
    pieces = cut(texts.pop("source"), (train / whole, validation / whole, test / whole))
    parts = dict(zip(("train", "validation", "test"), pieces, strict=True)) | texts
    return parts, {str(path): fingerprint(path) for path in paths.values()}


def cut(text: str, fractions: tuple[float, float, float]) -> tuple[str, str, str]:
    """Three parts by position. Each cut is moved to an end of a line (or word) close by, so that
    none is split; a text without any is cut where the share ends."""
    train, validation, _ = split_stream(len(text), fractions)
    smallest = min(share for share in fractions if share) * len(text)
    reach = min(2000, int(smallest / 4))  # no cut comes near the next one
    ends = []
    for end in (train.stop, validation.stop):
        if 0 < end < len(text):
            end = next((at for mark in "\n " if (at := _after(text, mark, end, reach))), end)
        ends.append(end)
    return text[: ends[0]], text[ends[0] : ends[1]], text[ends[1] :]


def _after(text: str, mark: str, end: int, reach: int) -> int | None:
    """The position after the next ``mark``, or after the last one before ``end``; at most
    ``reach`` away."""
    after = text.find(mark, end - 1, end + reach) + 1
    return after or text.rfind(mark, end - reach, end) + 1 or None
