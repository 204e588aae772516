"""The network that transcribes: a stack that halves the frames, and a score for each token and
the blank."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.nn.functional import ctc_loss, log_softmax

from lamina.cells import CellName
from lamina.data import Vocabulary
from lamina.data.batch.batches import padded, ragged
from lamina.data.batch.order import buckets
from lamina.data.prepare.standardize import Standardizer
from lamina.data.read.registry import TABLES
from lamina.nn import Pyramid, PyramidState, StackOptions
from lamina.nn.recurrent.dropout import drop
from lamina.spec import LaminaError, Model
from lamina.spec.counted import counted
from lamina.tasks.decode.ctc import decode, decoder
from lamina.tasks.saved import SavedModel, several
from lamina.tasks.transcribe.inputs import SpeechInputs
from lamina.tasks.transcribe.stream import TranscriptStream, checked

NAME = "transcribe"
VOCABULARY, SCALE = "vocabulary.json", "scale.json"
BLANK = "<blank>"
#: The most often that a network may halve the frames; training keeps enough of them for that.
MOST_HALVINGS = 3


class TranscribeOptions(StackOptions, frozen=True, kw_only=True):
    """A transcriber's shape: the stack's options and

    ``dropout`` also falls on what the top layer gives, so that a stack of one layer has it too.
    """

    cell: CellName = "gru"
    #: Chan et al. (2016), section 3.1.
    halvings: Annotated[
        int,
        Meta(
            description="Number of lowest layers after which pairs of frames are joined; 0 to 3, "
            "and at most depth."
        ),
    ] = 1
    beam: Annotated[
        Annotated[int, Meta(ge=1, le=1000)],
        Meta(description="Prefixes kept in the beam search; 1: greedy decoding."),
    ] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.halvings <= min(self.depth, MOST_HALVINGS):
            raise LaminaError(
                f"halvings is {self.halvings}; need 0 to {MOST_HALVINGS}, at most one a layer "
                f"(depth is {self.depth})"
            )


class Transcriber(Model):
    """Layers with half the frames from one to the next, a linear map to a score for each token and
    the blank at each frame that is left.

    Args:
        options:    the shape.
        inputs:     what it reads.
        vocabulary: the tokens, the blank among them.
        scale:      of the features.
    """

    task = NAME
    typed = "FILE.wav"

    def __init__(
        self,
        options: TranscribeOptions,
        inputs: SpeechInputs,
        vocabulary: Vocabulary,
        scale: Standardizer,
    ):
        super().__init__()
        self.options, self.inputs = options, inputs
        self.vocabulary, self.scale = vocabulary, scale
        self.blank = vocabulary.id_of(BLANK)
        self.pyramid = Pyramid(len(scale.mean), options, options.halvings)
        self.head = nn.Linear(self.pyramid.outputs, len(vocabulary))

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Standardised frames ``(T, B, I)`` of whole recordings -> logarithms of probabilities
        ``(T', B, V)`` with ``T' = T // 2**halvings``, and how many of each recording are valid,
        ``(B,)`` int64 on the CPU."""
        log_probs, _ = self.scores(frames, None, lengths)
        if lengths is None:
            lengths = torch.full((frames.shape[1],), len(frames))
        return log_probs, self.pyramid.shorter(lengths)

    def scores(
        self, frames: Tensor, state: PyramidState | None, lengths: Tensor | None = None
    ) -> tuple[Tensor, PyramidState]:
        """The same of a piece of a stream, with what the next piece needs."""
        frames = frames.to(self.head.weight.dtype)
        outputs, final = self.pyramid(frames, state, lengths)
        p, kind = self.options.dropout, self.options.dropout_kind
        scores = self.head(drop(outputs, p, kind, training=self.training))
        return log_softmax(scores if scores.dtype == torch.float64 else scores.float(), 2), final

    def text(self, tokens: Sequence[int] | np.ndarray) -> str:
        """The text of tokens, white space at its ends removed."""
        return self.vocabulary.decode(tokens).strip()

    def sayable(self, log_probs: Tensor) -> np.ndarray:
        """What a decoder reads: no recording says ``<unk>``, which only a text to be scored can
        hold."""
        values = log_probs.detach().float().cpu().numpy().copy()
        values[..., self.vocabulary.unknown] = -np.inf
        return values

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Model`."""
        return {
            "task": NAME,
            "options": msgspec.to_builtins(self.options),
            "inputs": msgspec.to_builtins(self.inputs),
        }

    def assets(self) -> dict[str, str]:
        """See :class:`lamina.spec.Model`."""
        return {VOCABULARY: self.vocabulary.to_json(), SCALE: self.scale.to_json()}

    @classmethod
    def from_saved(cls, saved: SavedModel) -> Transcriber:
        """The same network from what a run folder keeps of it.

        Raises:
            LaminaError: malformed.
        """
        inputs = saved.part("inputs", SpeechInputs)
        vocabulary = Vocabulary.from_json(saved.asset(VOCABULARY), VOCABULARY)
        if BLANK not in vocabulary.specials:
            raise LaminaError(f"has no token {BLANK}", place=VOCABULARY)
        scale = Standardizer.from_json(saved.asset(SCALE), inputs.features.bins, SCALE)
        return cls(saved.part("options", TranscribeOptions), inputs, vocabulary, scale)

    # -- answers

    def read(self, path: str | Path) -> list[Path]:
        """The audio files of a manifest, which needs no texts; any other file is audio itself."""
        if TABLES.holds(path):
            return self.inputs.manifest(path, labelled=False).audio
        return [Path(path)]

    def label(self, example: Any) -> dict[str, str]:
        """See :class:`lamina.spec.Model`: the file's path."""
        return {} if isinstance(example, np.ndarray) else {"id": str(example)}

    def stream(self) -> TranscriptStream:
        """Transcribe audio that arrives in pieces. Do not train the model meanwhile.

        Raises:
            LaminaError: the model is bidirectional.
        """
        if self.options.bidirectional:
            raise LaminaError(
                "a bidirectional model reads each recording from its end too, so it cannot "
                "transcribe a stream; need bidirectional=False"
            )
        return TranscriptStream(
            self.inputs.features.stream(),
            self._score_piece,
            decoder(self.blank, self.options.beam),
            self.text,
        )

    def _score_piece(
        self, frames: np.ndarray, state: PyramidState | None
    ) -> tuple[np.ndarray, PyramidState]:
        """The next frames ``(T, I)`` of one recording -> log-probabilities ``(T', V)``."""
        x = torch.from_numpy(self.scale(frames))[:, None].to(self.head.weight.device)
        with self.evaluating():
            log_probs, state = self.scores(x, state)
        return self.sayable(log_probs[:, 0]), state

    def answers(self, examples: Sequence[Any]) -> list[dict[str, Any]]:
        """The text of each audio file (a path), or of samples ``(N,)`` in -1..1 at the model's
        rate; and its probability, all alignments summed up.

        Raises:
            LaminaError: an example that cannot be read.
        """
        need = "a list of audio files"
        examples = several(examples, need)
        if examples and all(isinstance(e, Real) or getattr(e, "ndim", 1) == 0 for e in examples):
            raise LaminaError(f"got the samples of one recording; need {need}: predict([samples])")
        found: list[dict[str, Any]] = [{} for _ in examples]
        frames = [self._frames(example, i) for i, example in enumerate(examples, start=1)]
        lengths = np.array([len(x) for x in frames], np.int64)
        for members in buckets(lengths, batch_size=16, shuffle=False):
            answers = self._answers([frames[i] for i in members])
            for i, answer in zip(members, answers, strict=True):
                found[i] = answer
        return found

    def predict(self, examples: Sequence[Any]) -> list[str]:
        """The text of each audio file, or of samples ``(N,)``; see :meth:`answers`."""
        return [answer["text"] for answer in self.answers(examples)]

    def _frames(self, example: Any, position: int) -> np.ndarray:
        if isinstance(example, str | Path):
            samples, place = self.inputs.samples(example), str(example)
        else:
            place = f"example {position}"
            try:
                samples = checked(example)
            except LaminaError as error:
                raise LaminaError(error.message, place=place) from None
            self.inputs.check_length(samples, place)
        frames = self.scale(self.inputs.features(samples))
        if len(frames) < 2**self.options.halvings:
            raise LaminaError(
                f"has {counted(len(frames), 'frame')}; need {2**self.options.halvings}", place=place
            )
        return frames

    def _answers(self, frames: list[np.ndarray]) -> list[dict[str, Any]]:
        inputs, lengths = padded(frames)
        with self.evaluating():
            log_probs, shorter = self(inputs.to(self.head.weight.device), ragged(lengths))
        log_probs = log_probs.cpu()
        found = self.tokens(log_probs, shorter)
        sizes = torch.tensor([len(tokens) for tokens in found])
        flat = torch.tensor([token for tokens in found for token in tokens], dtype=torch.int64)
        nats = ctc_loss(log_probs, flat, shorter, sizes, blank=self.blank, reduction="none")
        return [
            {"text": self.text(tokens), "probability": float(p)}
            for tokens, p in zip(found, torch.exp(-nats), strict=True)
        ]

    def tokens(
        self, log_probs: Tensor, lengths: Tensor, beam: int | None = None
    ) -> list[list[int]]:
        """The tokens of each recording, from what :meth:`forward` gives."""
        values = self.sayable(log_probs)
        members = [values[: int(n), b] for b, n in enumerate(lengths)]
        return decode(members, self.blank, beam or self.options.beam)
