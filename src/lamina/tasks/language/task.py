"""Language modelling: the next character or word of a text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from lamina.data import PARTS, ChainedBatches, Mixture, StreamBatches, Tokens, tokenise
from lamina.spec import PERPLEXITY, LaminaError, Part, State, Step, StreamBatch, detach
from lamina.spec.counted import counted
from lamina.tasks.base import DataTask, as_source
from lamina.tasks.describe import Facts, filled
from lamina.tasks.language.data import LanguageModelData, count, read, renumbered, vocabulary
from lamina.tasks.language.network import NAME, LanguageModelOptions, LanguageNetwork

#: Tokens in a row from one source of a mixture, in multiples of ``steps``: a piece begins behind
#: another author's words, and few do.
PIECE_STEPS = 20


class LanguageModel(DataTask[LanguageNetwork, StreamBatch]):
    """Learn to say what comes next in a text.

    >>> task = LanguageModel("book.txt", level="char")                # doctest: +SKIP
    >>> model = task.model(cell="lstm", depth=2, width=256)           # doctest: +SKIP

    The source may also be a list of files or names, whose texts are mixed. Fields:
    :class:`LanguageModelData`.
    """

    name = NAME
    unit = "token"
    metric = PERPLEXITY
    Data = LanguageModelData
    Options = LanguageModelOptions
    Network = LanguageNetwork

    data: LanguageModelData

    @staticmethod
    def source_of(source: Any) -> str | tuple[str, ...]:
        """See :class:`lamina.tasks.base.DataTask`."""
        if isinstance(source, list | tuple):
            return as_source(source[0]) if len(source) == 1 else tuple(map(as_source, source))
        return as_source(source)

    def learn(self) -> None:
        """See :class:`lamina.tasks.base.DataTask`."""
        data = self.data
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
    def known(cls, model: LanguageNetwork) -> dict[str, Any]:
        """See :class:`lamina.tasks.base.DataTask`: how a text is cut into tokens."""
        return {"level": model.vocabulary.level, "normalize": model.vocabulary.normalize}

    def follow(self, model: LanguageNetwork, given: Mapping[str, Any]) -> None:
        """See :class:`lamina.tasks.base.DataTask`."""
        known = self.vocabulary = model.vocabulary
        (path,) = self.data.sources
        whole, sha = tokenise(
            path, level=known.level, normalize=known.normalize, compose=known.compose
        )
        test = renumbered(whole["train"], known)
        if len(test) < 2:
            raise LaminaError(f"got {counted(len(test), 'token')}; need at least 2", place=path)
        nothing = np.zeros(0, np.int64)
        self.texts = {"train": [nothing], "validation": [nothing], "test": [test]}
        self.names, self.fingerprints = [path], {path: sha}

    @property
    def tokens(self) -> dict[Part, Tokens]:
        """Of each part, the tokens of the first source."""
        return {part: texts[0] for part, texts in self.texts.items()}

    def network(self, options: LanguageModelOptions) -> LanguageNetwork:
        """A fresh network for this vocabulary."""
        return LanguageNetwork(options, self.vocabulary)

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[StreamBatch]:
        """A contiguous stream; each batch goes on where the one before ended.

        Several sources are mixed to one stream in training; to be scored, each is a stream of
        its own, one after the other.
        """
        data, texts = self.data, self.texts[part]
        if part != "train":
            streams = [self._stream(text, part) for text in texts]
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

    def _stream(self, tokens: Tokens, part: Part) -> Sequence[StreamBatch]:
        """All of a text, to be scored."""
        if len(tokens) < 2:
            return []
        # Every column starts without a past, so a short part is read in few columns.
        columns = min(self.data.batch_size, max(1, len(tokens) // (20 * self.data.steps)))
        return StreamBatches(tokens, batch_size=columns, steps=self.data.steps, part=part)

    def step(self, model: LanguageNetwork, batch: StreamBatch, state: State | None) -> Step:
        """Mean cross-entropy of a batch's tokens; where one source among several is scored, also
        what to add up for that source."""
        loss, final = model.loss(batch.inputs, batch.targets, state)
        count = batch.targets.numel()
        total = loss.detach() * count
        sums = {"loss": total}
        if batch.source is not None and batch.part != "train":
            for number, name in enumerate(self.names):
                here = batch.source == number
                sums[f"loss[{name}]"] = total * here
                sums[f"count[{name}]"] = torch.tensor(count * here)
        return Step(loss, sums, count, detach(final))

    def carried(self, model: LanguageNetwork, batch: StreamBatch) -> State:
        """Zeros shaped like the stack's state."""
        return model.stack.zero_state(batch.inputs.shape[1])

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
            loss = super().summary(sums, count)["loss"]
        found = {"loss": loss, "perplexity": _perplexity(loss)}
        for name, (total, n) in each.items():
            found[f"perplexity[{name}]"] = _perplexity(total / n)
        return found

    def describe(self) -> dict[str, Facts]:
        """See :class:`lamina.tasks.base.DataTask`."""
        several = len(self.names) > 1
        lengths = zip(self.names, map(len, self.texts["train"]), strict=True)
        return filled(
            {
                "level": self.vocabulary.level,
                "tokens": self.sizes(),
                "training texts": dict(lengths) if several else None,
                "vocabulary": len(self.vocabulary),
            }
        )

    def sizes(self) -> dict[str, int]:
        """Tokens in each part."""
        return {part: sum(map(len, texts)) for part, texts in self.texts.items()}


def _perplexity(loss: float) -> float:
    return math.exp(loss) if loss < 700 else math.inf
