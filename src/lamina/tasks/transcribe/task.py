"""Speech to text: recordings in, characters or words out, by connectionist temporal
classification."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch.nn.functional import ctc_loss

from lamina.data import Vocabulary
from lamina.data.batch.speech import SpeechBatches
from lamina.data.prepare.standardize import Standardizer
from lamina.data.read.manifest import Manifest
from lamina.spec import Batch, LaminaError, Model, Part, State, Step
from lamina.store.structs import changed, struct_from
from lamina.tasks.config import task_config
from lamina.tasks.decode.ctc import frames_needed
from lamina.tasks.scores.error_rates import WORD_ERROR_RATE, error_counts
from lamina.tasks.source import as_source
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


class Transcribe:
    """Learn to write down what is said.

    >>> task = Transcribe("recordings.csv", audio="file", text="sentence")   # doctest: +SKIP
    >>> model = task.model(cell="gru", depth=3, width=128, halvings=1)       # doctest: +SKIP

    Args:
        source: a manifest; with ``changes``, the fields of :class:`TranscribeData`.

    Raises:
        LaminaError: data that cannot be read, with file and line.
    """

    name = NAME
    metric = WORD_ERROR_RATE
    Data = TranscribeData
    Options = TranscribeOptions
    Network = Transcriber

    def __init__(self, source: str | Path, **changes: Any):
        values = {"source": as_source(source), **changes}
        self.data = data = struct_from(TranscribeData, values, what="field")
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
    def for_model(cls, model: Transcriber, path: str | Path, **changes: Any) -> Transcribe:
        """A task whose test part is the manifest at ``path``, read as ``model`` reads."""
        task = cls.__new__(cls)
        columns = {"audio": model.inputs.audio, "text": model.inputs.text}
        fields = {"source": str(path), **columns, **changes}
        task.data = struct_from(TranscribeData, fields, what="field")
        task.inputs = msgspec.structs.replace(
            model.inputs, audio=task.data.audio, text=task.data.text
        )
        task.vocabulary, task.scale = model.vocabulary, model.scale
        task.fingerprints = {}
        test = task.inputs.manifest(path)
        empty = test.take([])
        task._encode({"train": empty, "validation": empty, "test": test})
        task.check(model.options)
        return task

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

    def model(self, options: TranscribeOptions | None = None, /, **changes: Any) -> Transcriber:
        """A fresh transcriber for these tokens and features.

        Raises:
            LaminaError: options that do not fit together, or a text too long for its recording.
        """
        chosen = changed(options or TranscribeOptions(), changes, what="model option")
        self.check(chosen)
        return Transcriber(chosen, self.inputs, self.vocabulary, self.scale)

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        """Length-bucketed batches; shuffled and augmented for training only."""
        training = part == "train"
        return SpeechBatches(
            self.parts[part].frames,
            self.tokens[part],
            self.scale,
            [max(frames_needed(tokens), 1) * 2**MOST_HALVINGS for tokens in self.tokens[part]],
            batch_size=self.data.batch_size,
            augmentation=self.data.augmentation if training else None,
            shuffle=training,
            seed=seed,
            epoch=epoch,
        )

    def step(self, model: Model, batch: Batch, state: State | None) -> Step:
        """Mean of ``-ln P(text)`` a token (Graves et al. 2006, equation 8), and the errors of the
        text that was found: with the model's beam, but greedily while it learns."""
        assert isinstance(model, Transcriber)
        log_probs, lengths = model(batch.inputs, batch.lengths)
        sizes = batch.more["target_lengths"]
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
            "loss": sums["loss"] / count,
            WORD_ERROR_RATE.name: sums["word_errors"] / max(sums["words"], 1),
            "CER": sums["character_errors"] / max(sums["characters"], 1),
        }

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Task`."""
        sizes = {part: len(recordings) for part, recordings in self.parts.items()}
        return task_config(NAME, self.data, self.fingerprints, sizes)
