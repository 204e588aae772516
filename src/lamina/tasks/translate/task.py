"""Translation: from a text in one language to the same in another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from lamina.data import fingerprint
from lamina.data.batch.batches import CollatedBatches
from lamina.data.batch.order import buckets, lengths_of
from lamina.data.read.shapes import Pairs
from lamina.data.text.subwords import END, Subwords
from lamina.nn import valid_steps
from lamina.nn.heads.cross_entropy import output_loss
from lamina.spec import BLEU, LaminaError, Part, State, Step
from lamina.tasks.base import DataTask
from lamina.tasks.decode.beam import Hypothesis
from lamina.tasks.describe import Facts, filled, lengths
from lamina.tasks.scores.translation import check_installed, counts, scores
from lamina.tasks.translate.batch import PairBatch, collate
from lamina.tasks.translate.data import TranslateData, read, read_files
from lamina.tasks.translate.network import NAME, TranslateOptions, Translator, limits, shifted


class Translate(DataTask[Translator, PairBatch]):
    """Learn to translate.

    >>> task = Translate("train.en", target="train.de")          # doctest: +SKIP
    >>> model = task.model(cell="gru", depth=2, width=256)       # doctest: +SKIP

    Fields: :class:`TranslateData`.
    """

    name = NAME
    unit = "pair"
    metric = BLEU
    Data = TranslateData
    Options = TranslateOptions
    Network = Translator

    data: TranslateData

    def learn(self) -> None:
        """See :class:`lamina.tasks.base.DataTask`."""
        check_installed()
        data = self.data
        self.parts, self.fingerprints = read(data)
        train = self.parts["train"]
        if data.joint:
            self.vocabulary = Subwords.build(train.sources + train.targets, data.subwords)
            self.target_vocabulary = self.vocabulary
        else:
            self.vocabulary = Subwords.build(train.sources, data.subwords)
            self.target_vocabulary = Subwords.build(train.targets, data.subwords)
        self._encode()
        if not self.sources["train"]:
            raise LaminaError(
                f"no pair of the training part has at most max_tokens={data.max_tokens} tokens on "
                "each side; raise it",
                place=data.source,
            )

    @classmethod
    def known(cls, model: Translator) -> dict[str, Any]:
        """See :class:`lamina.tasks.base.DataTask`."""
        return {"bleu_tokenizer": model.bleu_tokenizer}

    def follow(self, model: Translator, given: Mapping[str, Any]) -> None:
        """See :class:`lamina.tasks.base.DataTask`: a file of pairs, or one of texts with their
        translations in the file ``target=``."""
        check_installed()
        self.vocabulary, self.target_vocabulary = model.vocabulary, model.target_vocabulary
        files, nothing = self.data.files, Pairs([], [], [])
        self.parts = {"train": nothing, "validation": nothing, "test": read_files(files)}
        self.fingerprints = {file: fingerprint(file) for file in files}
        self._encode()

    def _encode(self) -> None:
        self.sources: dict[str, list[np.ndarray]] = {}
        self.targets: dict[str, list[np.ndarray]] = {}
        for part, pairs in self.parts.items():
            sources = self.vocabulary.encode_many(pairs.sources)
            targets = [
                np.append(tokens, END)
                for tokens in self.target_vocabulary.encode_many(pairs.targets)
            ]
            most = self.data.max_tokens if part == "train" else np.inf
            kept = [
                i
                for i, (s, t) in enumerate(zip(sources, targets, strict=True))
                if max(len(s), len(t) - 1) <= most
            ]
            self.sources[part] = [sources[i] for i in kept]
            self.targets[part] = [targets[i] for i in kept]

    def network(self, options: TranslateOptions) -> Translator:
        """A fresh network for these vocabularies."""
        tokenizer = self.data.bleu_tokenizer
        return Translator(options, self.vocabulary, self.target_vocabulary, tokenizer)

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[PairBatch]:
        """Pairs of like length together, by the target's length and then by the source's; shuffled
        for training only."""
        sources, targets = self.sources[part], self.targets[part]
        members = buckets(
            lengths_of(sources),
            lengths_of(targets),
            batch_size=self.data.batch_size,
            shuffle=part == "train",
            seed=seed,
            epoch=epoch,
        )
        return CollatedBatches(members, partial(collate, sources, targets, part=part))

    def step(self, model: Translator, batch: PairBatch, state: State | None) -> Step:
        """Mean cross-entropy of the target's tokens with smoothed labels; ``sums["loss"]`` is
        without smoothing. A batch of the validation part is translated too, greedily, to choose
        by; one of the test part also with a beam, to judge by."""
        lengths = batch.target_lengths
        memory, begin = model.encode(batch.inputs, batch.lengths)
        h, _ = model.decode(shifted(batch.targets), begin, memory, lengths)  # (N, embedding)
        valid = valid_steps(lengths, len(batch.targets), batch.targets.device)
        share = model.options.label_smoothing if model.training else 0.0
        loss, plain = output_loss(h, model.output_weight, batch.targets[valid], share)
        count = int(lengths.sum())
        sums = {"loss": plain * count}
        if batch.part != "train":
            most = limits(batch.lengths)
            greedy = model.search(memory, begin, most, 1)
            if batch.part == "test":
                sums |= self._counts(greedy, batch, "greedy_")
                sums |= self._counts(model.search(memory, begin, most, model.options.beam), batch)
            else:
                sums |= self._counts(greedy, batch)
        return Step(loss, sums, count)

    def _counts(
        self, hypotheses: list[Hypothesis], batch: PairBatch, prefix: str = ""
    ) -> dict[str, torch.Tensor]:
        """What BLEU and chrF are made of."""
        decode = self.target_vocabulary.decode_many
        found = [one.tokens for one in hypotheses]
        lengths = batch.target_lengths.tolist()
        wanted = [
            tokens[: length - 1]
            for tokens, length in zip(batch.targets.T.tolist(), lengths, strict=True)
        ]
        made = counts(decode(found), decode(wanted), self.data.bleu_tokenizer)
        return {
            prefix + name: torch.tensor(value, dtype=torch.float64) for name, value in made.items()
        }

    def baseline(self) -> float:
        """BLEU on the validation part of always answering the most frequent training target."""
        target = Counter(self.parts["train"].targets).most_common(1)[0][0]
        references = self.parts["validation"].targets
        made = counts([target] * len(references), references, self.data.bleu_tokenizer)
        return scores(made)["bleu"]

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """``loss`` in nats a token; ``bleu`` and ``chrf`` in 0..1 where batches were translated;
        ``greedy_bleu`` and ``greedy_chrf`` beside them where that was done with a beam."""
        greedy = {f"greedy_{name}": value for name, value in scores(sums, "greedy_").items()}
        return {**super().summary(sums, count), **scores(sums), **greedy}

    def describe(self) -> dict[str, Facts]:
        """See :class:`lamina.tasks.base.DataTask`."""
        most = self.data.max_tokens
        long = len(self.parts["train"]) - len(self.sources["train"])
        vocabularies = (self.vocabulary, self.target_vocabulary)
        sizes = [f"{len(v):,}" for v in vocabularies[: 1 if self.data.joint else 2]]
        return filled(
            {
                "pairs": self.sizes(),
                "left out": {f"{long:,} training pair{'s' * (long != 1)}": f"over {most} tokens"}
                if long
                else None,
                "source tokens": lengths(map(len, self.sources["train"])),
                "target tokens": lengths(len(t) - 1 for t in self.targets["train"]),
                "vocabulary": " and ".join(sizes) + " subwords",
            }
        )

    def sizes(self) -> dict[str, int]:
        """Pairs in each part."""
        return {part: len(found) for part, found in self.sources.items()}
