"""Sequence labelling: a label for every word of a sentence, or every residue of a protein."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np
import torch

from lamina.data import PARTS, fingerprint
from lamina.data.batch.batches import CollatedBatches
from lamina.data.batch.order import buckets, lengths_of
from lamina.data.text.lexicon import Lexicon
from lamina.data.text.span_schemes import OUTSIDE, note_others, recognise
from lamina.spec import ACCURACY, SPAN_F1, LaminaError, LaminaWarning, Part, State, Step
from lamina.spec.counted import counted
from lamina.tasks.base import DataTask
from lamina.tasks.describe import Facts, filled, lengths, occurrences
from lamina.tasks.scores.sums import f1
from lamina.tasks.tag.batch import NOT_COUNTED, WordBatch, collate
from lamina.tasks.tag.data import TagData, read, which_count
from lamina.tasks.tag.network import NAME, Tagger, TagLabels, TagOptions
from lamina.tasks.tag.spans import SpanCounts


class Tag(DataTask[Tagger, WordBatch]):
    """Learn to put a label on every word of a sentence.

    >>> task = Tag("train.conll", test="test.conll", scheme="IOBES")      # doctest: +SKIP
    >>> model = task.model(depth=2, width=128, dropout=0.5)               # doctest: +SKIP

    The metric is F1 over spans where labels mark spans, else accuracy. Fields: :class:`TagData`.
    """

    name = NAME
    unit = "label"
    Data = TagData
    Options = TagOptions
    Network = Tagger

    data: TagData

    def learn(self) -> None:
        """See :class:`lamina.tasks.base.DataTask`."""
        data = self.data
        self.inputs = data.inputs()
        self.parts, self.fingerprints = read(data)
        train = self.parts["train"]
        self.labels = self._learn_labels()
        residues = self.inputs.residues
        self.lexicon = Lexicon.build(
            (sentence.words for sentence in train),
            lower=data.lower,  # residues too: lower case marks repeats and masks
            digits=data.digits and not residues,
            max_size=data.max_vocabulary,
            min_count=data.min_count,
        )
        self._encode()

    @classmethod
    def known(cls, model: Tagger) -> dict[str, Any]:
        """See :class:`lamina.tasks.base.DataTask`: how files are read, and spans from labels."""
        return {**msgspec.to_builtins(model.inputs), "matching": model.labels.matching}

    def follow(self, model: Tagger, given: Mapping[str, Any]) -> None:
        """See :class:`lamina.tasks.base.DataTask`."""
        path = self.data.source
        if model.inputs.residues and "label" not in given:
            raise LaminaError(
                "need label=..., a FASTA file with the labels of its residues", place=path
            )
        self.labels, self.lexicon = model.labels, model.lexicon
        self.inputs = self.data.inputs()
        test = self.inputs.read(path, mask=self.data.mask)
        self.parts = {"train": [], "validation": [], "test": test}
        written = recognise(sentence.labels or () for sentence in test)
        if model.labels.scheme is not None and written is not None:
            self.labels = msgspec.structs.replace(model.labels, written=written)
        self.fingerprints = {path: fingerprint(path)}
        self._encode()
        self._note_unknown(path)

    def _note_unknown(self, path: str) -> None:
        """Note labels that training has not seen."""
        known = len(self.labels.names)
        numbers = self._counted_labels("test")
        if unknown := int((numbers >= known).sum()):
            names = ", ".join(map(repr, sorted(self.names[known:])[:3]))
            names += ", ..." * (len(self.names) > known + 3)
            warnings.warn(
                LaminaWarning(
                    f"{path}: {unknown:,} of {counted(len(numbers), 'label')} were not seen in "
                    f"training ({names}). They count as errors; the loss leaves them out."
                ),
                stacklevel=3,
            )

    def _learn_labels(self) -> TagLabels:
        """What the training part's labels are, and the scheme that they follow."""
        data = self.data
        sequences = [sentence.labels or () for sentence in self.parts["train"]]
        written = recognise(sequences)
        if written is None:
            note_others({label for labels in sequences for label in labels}, data.source)
        if written is None and data.scheme is not None:
            raise LaminaError(
                f"scheme is {data.scheme}, but the labels mark no spans (O, B-PER, I-PER); leave "
                "scheme out",
                place=data.source,
            )
        scheme = data.scheme or written
        rule = TagLabels(names=[], scheme=scheme, written=written, matching=data.matching)
        names = {
            label
            for sentence in self.parts["train"]
            for label, counts in zip(
                rule.read(sentence.labels or ()), which_count(sentence), strict=True
            )
            if counts
        }
        if len(names) < 2:
            raise LaminaError(
                f"got {counted(len(names), 'label')} in the training part; need at least two",
                place=data.source,
            )
        return msgspec.structs.replace(rule, names=sorted(names))

    def _encode(self) -> None:
        """Numbers for words and labels. Labels that training has not seen have numbers behind those
        of the model, so that they count as what it cannot get right."""
        self.names = list(self.labels.names)
        numbers = {name: n for n, name in enumerate(self.names)}
        self.forms, self.steps = {}, {}
        for part, sentences in self.parts.items():
            self.forms[part], encoded = self.lexicon.encode([s.words for s in sentences])
            self.steps[part] = steps = []
            for sentence, words in zip(sentences, encoded, strict=True):
                labels = self.labels.read(sentence.labels or ())
                known = [numbers.setdefault(label, len(numbers)) for label in labels]
                targets = np.where(which_count(sentence), np.array(known), NOT_COUNTED)
                steps.append(np.stack((words, targets), axis=1))
        self.names += list(numbers)[len(self.names) :]
        scheme = self.labels.scheme
        self.metric = ACCURACY if scheme is None else SPAN_F1
        self.spans = None
        if scheme is not None:
            self.spans = SpanCounts(self.names, scheme, self.labels.matching)

    def network(self, options: TagOptions) -> Tagger:
        """A fresh tagger for these labels and words."""
        return Tagger(options, self.inputs, self.lexicon, self.labels)

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[WordBatch]:
        """Length-bucketed batches; shuffled for training only."""
        forms, steps = self.forms[part], self.steps[part]
        members = buckets(
            lengths_of(steps),
            batch_size=self.data.batch_size,
            shuffle=part == "train",
            seed=seed,
            epoch=epoch,
        )
        spelled = not self.inputs.residues
        return CollatedBatches(members, partial(collate, forms, steps, spelled=spelled, part=part))

    def step(self, model: Tagger, batch: WordBatch, state: State | None) -> Step:
        """Mean loss of a label, and how many labels and spans are right."""
        targets, count = batch.targets, batch.predictions
        scores = model(batch.inputs, batch.lengths, batch.spelling)
        learned = targets.masked_fill(targets >= len(self.labels.names), NOT_COUNTED)
        loss = model.output.loss(scores, learned, batch.lengths) / max(count, 1)
        best = model.output.decode(scores.detach(), batch.lengths)
        sums = {"loss": loss.detach() * count, "correct": (best == targets).sum()}
        if self.spans is not None:
            sums |= self.spans(targets, best, targets != NOT_COUNTED)
        return Step(loss, sums, count)

    def baseline(self) -> float:
        """The metric on the validation part of always saying the most frequent training label."""
        train, validation = (self._counted_labels(part) for part in PARTS[:2])
        common = np.bincount(train, minlength=len(self.names)).argmax()
        if self.spans is None:
            return float((validation == common).mean())
        if self.names[common] == OUTSIDE:
            return 0.0
        sums = Counter[str]()
        for steps in self.steps["validation"]:
            given = torch.from_numpy(steps[:, 1:].copy())  # (T, 1)
            guess = torch.full_like(given, int(common))
            found = self.spans(given, guess, given != NOT_COUNTED)
            sums.update({name: int(value) for name, value in found.items()})
        return f1(sums)["f1"]

    def _counted_labels(self, part: str) -> np.ndarray:
        labels = [steps[:, 1] for steps in self.steps[part]]
        flat = np.concatenate(labels) if labels else np.zeros(0, np.int64)
        return flat[flat != NOT_COUNTED]

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """``loss`` in nats a label and ``accuracy`` in 0..1; of spans also ``f1``, ``precision``
        and ``recall``."""
        scores = {**super().summary(sums, count), "accuracy": sums["correct"] / count}
        if self.spans is None:
            return scores
        return scores | f1(sums)

    def describe(self) -> dict[str, Facts]:
        """See :class:`lamina.tasks.base.DataTask`."""
        train, scheme = self.parts["train"], self.labels.scheme
        numbers = self._counted_labels("train")
        residues = self.inputs.residues
        return filled(
            {
                "chains" if residues else "sentences": self.sizes(),
                f"{'residues' if residues else 'words'} each": lengths(len(s.words) for s in train),
                "vocabulary": len(self.lexicon.words),
                "spans": scheme,
                "labels": occurrences(self.names[n] for n in numbers.tolist()),
            }
        )

    def sizes(self) -> dict[str, int]:
        """Sentences in each part."""
        return {part: len(sentences) for part, sentences in self.parts.items()}
