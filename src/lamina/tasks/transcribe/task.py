"""Speech to text: recordings in, characters or words out, by connectionist temporal
classification."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import torch
from torch.nn.functional import ctc_loss

from lamina.data import Vocabulary
from lamina.data.batch.batches import CollatedBatches
from lamina.data.batch.order import buckets, lengths_of
from lamina.data.prepare.standardize import Standardizer
from lamina.data.read.manifest import Manifest
from lamina.spec import LaminaError, Part, State, Step
from lamina.tasks.base import DataTask
from lamina.tasks.decode.ctc import frames_needed
from lamina.tasks.describe import Facts, filled, lengths, occurrences
from lamina.tasks.scores.error_rates import WORD_ERROR_RATE, error_counts
from lamina.tasks.transcribe.batch import SpeechBatch, collate
from lamina.tasks.transcribe.data import Recordings, TranscribeData, read
from lamina.tasks.transcribe.network import (
    BLANK,
    MOST_HALVINGS,
    NAME,
    TranscribeOptions,
    Transcriber,
)

#: Stands in a text for a token that the vocabulary lacks: equal to nothing that a model says.
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


class Transcribe(DataTask[Transcriber, SpeechBatch]):
    """Learn to write down what is said.

    >>> task = Transcribe("recordings.csv", audio="file", text="sentence")   # doctest: +SKIP
    >>> model = task.model(cell="gru", depth=3, width=128, halvings=1)       # doctest: +SKIP

    The source is a manifest. Fields: :class:`TranscribeData`.
    """

    name = NAME
    unit = "recording"
    metric = WORD_ERROR_RATE
    Data = TranscribeData
    Options = TranscribeOptions
    Network = Transcriber

    data: TranscribeData

    def learn(self) -> None:
        """See :class:`lamina.tasks.base.DataTask`."""
        data = self.data
        self.inputs, manifests, self.fingerprints = read(data)
        self.vocabulary = Vocabulary.build(
            manifests["train"].texts or [],
            level=data.level,
            normalize=data.normalize,
            specials=(BLANK,),
        )
        self._encode(manifests)
        self.scale = Standardizer.fit(self.parts["train"].frames)

    @classmethod
    def known(cls, model: Transcriber) -> dict[str, Any]:
        """See :class:`lamina.tasks.base.DataTask`: the columns."""
        return {"audio": model.inputs.audio, "text": model.inputs.text}

    def follow(self, model: Transcriber, given: Mapping[str, Any]) -> None:
        """See :class:`lamina.tasks.base.DataTask`."""
        self.inputs = msgspec.structs.replace(
            model.inputs, audio=self.data.audio, text=self.data.text
        )
        self.vocabulary, self.scale = model.vocabulary, model.scale
        test = self.inputs.manifest(self.data.source)
        empty = test.take([])
        self._encode({"train": empty, "validation": empty, "test": test})
        self.check(model.options)

    def _encode(self, manifests: Mapping[str, Manifest]) -> None:
        error_counts([], [])  # a package that is missing is told before the work, not after
        self.parts = {part: Recordings(m, self.inputs) for part, m in manifests.items()}
        self.tokens: dict[str, list[np.ndarray]] = {}
        for part, recordings in self.parts.items():
            self.tokens[part] = self.vocabulary.encode_many(recordings.texts)
            places = recordings.manifest.places
            for tokens, place in zip(self.tokens[part], places, strict=True):
                if not len(tokens):
                    raise LaminaError(
                        f"nothing is left of this text with normalize="
                        f"{self.vocabulary.normalize!r}; need one token at least. "
                        "Use normalize='lower', or take the row out.",
                        place=place,
                    )
        digests = [d for recordings in self.parts.values() for d in recordings.digests]
        together = hashlib.sha256("".join(digests).encode()).hexdigest()
        self.fingerprints[f"audio of {self.data.source}"] = together

    def check(self, options: TranscribeOptions) -> None:
        """Refuse a text that has more tokens than its recording has frames, after the halvings.

        Raises:
            LaminaError: with the line.
        """
        for part, recordings in self.parts.items():
            for frames, tokens, place in zip(
                recordings.frames, self.tokens[part], recordings.manifest.places, strict=True
            ):
                left, need = len(frames) // 2**options.halvings, frames_needed(tokens)
                if left < need:
                    raise LaminaError(
                        f"got a text of {len(tokens)} tokens for {left} frames ({len(frames)} "
                        f"before {options.halvings} halvings); need {need}: one a token, and one "
                        "between two that are equal. Lower halvings or step_ms, use level='word', "
                        "or take the row out.",
                        place=place,
                    )

    def network(self, options: TranscribeOptions) -> Transcriber:
        """A fresh transcriber for these tokens and features.

        Raises:
            LaminaError: options that do not fit together, or a text too long for its recording.
        """
        self.check(options)
        return Transcriber(options, self.inputs, self.vocabulary, self.scale)

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[SpeechBatch]:
        """Length-bucketed batches; shuffled and augmented for training only."""
        frames, tokens = self.parts[part].frames, self.tokens[part]
        augmentation = self.data.augmentation

        def member(i: int) -> np.ndarray:
            if part != "train":
                return self.scale(frames[i])
            least = max(frames_needed(tokens[i]), 1) * 2**MOST_HALVINGS
            rng = np.random.default_rng([seed, epoch, i])
            return augmentation(frames[i], self.scale, least, rng)

        members = buckets(
            lengths_of(frames),
            batch_size=self.data.batch_size,
            shuffle=part == "train",
            seed=seed,
            epoch=epoch,
        )
        return CollatedBatches(
            members, lambda some: collate([member(int(i)) for i in some], tokens, some, part)
        )

    def step(self, model: Transcriber, batch: SpeechBatch, state: State | None) -> Step:
        """Mean of ``-ln P(text)`` a token (Graves et al. 2006, equation 8), and the errors of the
        text that was found: with the model's beam, but greedily while it learns."""
        log_probs, lengths = model(batch.inputs, batch.lengths)
        sizes = batch.target_lengths
        nats = ctc_loss(
            log_probs, batch.targets, lengths, sizes, blank=model.blank, reduction="sum"
        )
        count = batch.targets.numel()
        found = model.tokens(log_probs, lengths, beam=1 if model.training else None)
        wanted = [tokens.tolist() for tokens in batch.targets.cpu().split(sizes.tolist())]
        errors = error_counts([*map(self._text, wanted)], [*map(model.text, found)])
        sums = {name: torch.tensor(float(n)) for name, n in errors.items()}
        return Step(nats / count, {"loss": nats.detach(), **sums}, count)

    def _text(self, tokens: list[int]) -> str:
        text = self.vocabulary.decode(tokens)
        return text if self.vocabulary.unknown not in tokens else text.replace("<unk>", _UNKNOWN)

    def baseline(self) -> float:
        """Word error rate on the validation part of saying nothing, or of always saying the most
        frequent text of the training part, whichever has fewer errors."""
        (favourite, _), *_ = Counter(self.parts["train"].texts).most_common(1)
        texts = self.parts["validation"].texts
        errors = error_counts(texts, [favourite] * len(texts))
        return min(1.0, errors["word_errors"] / max(errors["words"], 1))

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """``loss`` in nats a token, ``WER`` and ``CER``: errors in words and in characters over
        their number."""
        return {
            **super().summary(sums, count),
            WORD_ERROR_RATE.name: sums["word_errors"] / max(sums["words"], 1),
            "CER": sums["character_errors"] / max(sums["characters"], 1),
        }

    def describe(self) -> dict[str, Facts]:
        """See :class:`lamina.tasks.base.DataTask`."""
        train, kind = self.parts["train"], self.inputs.features
        seconds = [len(frames) * kind.step_ms / 1000 for frames in train.frames]
        length = f"median {np.median(seconds):.3g}, longest {max(seconds):.3g}"
        speakers = train.manifest.speakers
        return filled(
            {
                "audio": f"{self.inputs.audio}, {kind.rate:,} samples a second",
                "text": self.inputs.text,
                "recordings": self.sizes(),
                "seconds each": length,
                "tokens a text": lengths(map(len, self.tokens["train"])),
                "vocabulary": len(self.vocabulary),
                "speakers": occurrences(speakers) if speakers else None,
            }
        )

    def sizes(self) -> dict[str, int]:
        """Recordings in each part."""
        return {part: len(recordings) for part, recordings in self.parts.items()}
