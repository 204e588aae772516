"""Sequence labelling: a label for every word of a sentence, or every residue of a protein."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from lamina.data import Vocabulary, fingerprint
from lamina.data.labelled_batches import NOT_COUNTED, LabelledBatches
from lamina.data.lexicon import Lexicon
from lamina.data.schemes import OUTSIDE, Matching, Scheme, convert, recognise
from lamina.data.sentences import Sentence
from lamina.nn import CHARACTERS, CRF, Independent, Stack, StackOptions, valid_steps
from lamina.nn.dropout import drop, drop_rows
from lamina.nn.options import check_embedding
from lamina.spec import ACCURACY, SPAN_F1, Batch, LaminaError, Model, Part, State, Step
from lamina.store.structs import changed, struct_from
from lamina.tasks.inputs import as_source
from lamina.tasks.span_counts import SpanCounts, f1
from lamina.tasks.tag_data import PARTS, TagData, counted, read
from lamina.tasks.tag_inputs import TagInputs

NAME = "tag"
WORDS, LETTERS = "vocabulary.json", "characters.json"


class TagOptions(StackOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tagger's shape: the stack's options and

    embedding:           size of a word's (or residue's) vector.
    characters:          what reads the characters of a word: a bidirectional layer over them,
                         filters over windows of three, or nothing. ``auto``: recurrent for words,
                         none for residues.
    character_embedding: size of a character's vector.
    character_width:     units of each direction of that layer, or number of filters.
    output:              labels depend on each other (``crf``), or not (``softmax``). ``auto``: crf
                         where labels mark spans.
    word_dropout:        share of words that are read as unknown in training.

    ``dropout`` also falls on what the stack reads and on what its top layer gives.
    """

    cell: Literal["rnn", "gru", "lstm"] = "lstm"
    depth: int = 1
    bidirectional: bool = True
    embedding: int = 100
    characters: Literal["auto", "recurrent", "convolution", "none"] = "auto"
    character_embedding: int = 25
    character_width: int = 25
    output: Literal["auto", "softmax", "crf"] = "auto"
    word_dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("embedding", "character_embedding", "character_width"):
            try:
                check_embedding(getattr(self, name))
            except LaminaError as error:
                raise LaminaError(error.message.replace("embedding", name, 1)) from None
        if not 0 <= self.word_dropout < 1:
            raise LaminaError(f"word_dropout is {self.word_dropout}; need 0 <= word_dropout < 1")


class TagLabels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a tagger answers with.

    names:    of the labels, in the order of the scores.
    scheme:   what they follow; ``None``: they mark no spans.
    written:  the scheme of the file that they were turned from.
    matching: how spans are read from labels.
    """

    names: list[str]
    scheme: Scheme | None = None
    written: Scheme | None = None
    matching: Matching = "conlleval"

    def read(self, labels: Sequence[str]) -> Sequence[str]:
        """Labels of a file as the model has them."""
        if self.scheme is None or self.scheme == self.written:
            return labels
        return convert(labels, self.scheme)

    def write(self, labels: list[str]) -> list[str]:
        """Labels of the model as the file had them."""
        if self.written is None or self.scheme == self.written:
            return labels
        return convert(labels, self.written)


class Tagger(Model):
    """Embedding of words beside a vector from their characters, stack, linear map to label scores,
    and a softmax or a CRF over them.

    Args:
        options: the shape.
        inputs:  what it reads.
        lexicon: the words and characters that it knows.
        labels:  what it answers with.

    Raises:
        LaminaError: residues with something that reads characters.
    """

    task = NAME

    def __init__(self, options: TagOptions, inputs: TagInputs, lexicon: Lexicon, labels: TagLabels):
        super().__init__()
        self.options, self.inputs, self.lexicon, self.labels = options, inputs, lexicon, labels
        self.embedding = nn.Embedding(len(lexicon.words), options.embedding)
        nn.init.normal_(self.embedding.weight, std=0.1)
        characters, output = options.characters, options.output
        if inputs.residues and characters not in ("auto", "none"):
            raise LaminaError(f"characters is {characters!r}; a residue is one, so need 'none'")
        size = options.embedding
        self.spelling = None
        if not inputs.residues and characters != "none":
            kind = CHARACTERS["recurrent" if characters == "auto" else characters]
            self.spelling = kind(
                len(lexicon.characters),
                options.character_embedding,
                options.character_width,
                options.cell,
            )
            size += self.spelling.outputs
        shape = {name: getattr(options, name) for name in StackOptions.__struct_fields__}
        self.stack = Stack(size, StackOptions(**shape))
        self.head = nn.Linear(self.stack.outputs, len(labels.names))
        crf = output == "crf" or (output == "auto" and labels.scheme is not None)
        self.output = (CRF if crf else Independent)(len(labels.names))

    def forward(
        self,
        inputs: Tensor,
        lengths: Tensor | None = None,
        more: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """Words ``(T, B)`` -> scores ``(T, B, K)``; ``more`` as
        :class:`lamina.data.labelled_batches.LabelledBatches` gives it."""
        p, kind = self.options.dropout, self.options.dropout_kind
        if self.training and self.options.word_dropout:
            gone = torch.rand(inputs.shape, device=inputs.device) < self.options.word_dropout
            inputs = inputs.masked_fill(gone, self.lexicon.words.unknown)
        if self.spelling is None:
            x, tokens = drop_rows(self.embedding.weight, inputs, p, kind, training=self.training)
            outputs, _ = self.stack(x, lengths=lengths, tokens=tokens)
        else:
            assert more is not None
            spelled = self.spelling(more["characters"], more["character_lengths"])  # (W, C)
            which = more["spelling"]
            if lengths is not None:
                padded = ~valid_steps(lengths, len(inputs), inputs.device)
                inputs, which = inputs.masked_fill(padded, 0), which.masked_fill(padded, 0)
            x = torch.cat((self.embedding(inputs), embedding(which, spelled)), dim=2)
            outputs, _ = self.stack(drop(x, p, kind, training=self.training), lengths=lengths)
        return self.head(drop(outputs, p, kind, training=self.training))

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Model`."""
        return {
            "task": NAME,
            "options": msgspec.to_builtins(self.options),
            "inputs": msgspec.to_builtins(self.inputs),
            "labels": msgspec.to_builtins(self.labels),
            "lookup": {"lower": self.lexicon.lower, "digits": self.lexicon.digits},
        }

    def assets(self) -> dict[str, str]:
        """See :class:`lamina.spec.Model`."""
        return {
            WORDS: self.lexicon.words.to_json(),
            LETTERS: self.lexicon.characters.to_json(),
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], assets: Mapping[str, str], place: str
    ) -> Tagger:
        """The same network from what :meth:`config` and :meth:`assets` gave.

        Raises:
            LaminaError: malformed.
        """

        def part(kind: Any, name: str) -> Any:
            values = config.get(name)
            if not isinstance(values, Mapping):
                raise LaminaError(f"has no object {name!r}", place=place)
            return struct_from(kind, values, what=f"field of {name}", place=place)

        for name in (WORDS, LETTERS):
            if name not in assets:
                raise LaminaError(f"has no {name}", place=place)
        lookup = part(_Lookup, "lookup")
        lexicon = Lexicon(
            Vocabulary.from_json(assets[WORDS], WORDS),
            Vocabulary.from_json(assets[LETTERS], LETTERS),
            lookup.lower,
            lookup.digits,
        )
        labels = part(TagLabels, "labels")
        if not labels.names:
            raise LaminaError("has no labels", place=place)
        return cls(part(TagOptions, "options"), part(TagInputs, "inputs"), lexicon, labels)

    # -- answers

    @property
    def vocabulary(self) -> Vocabulary:
        """The words."""
        return self.lexicon.words

    def read(self, path: str | Path) -> list[Sentence]:
        """Sentences from a file of the kind that the model was trained on; it needs no labels."""
        return self.inputs.read(path, labelled=False)

    def predict(self, examples: Sequence[Sentence | str | Sequence[str]]) -> list[str]:
        """The labels of each sentence, with spaces between; see :meth:`answers`."""
        return [" ".join(answer["labels"]) for answer in self.answers(examples)]

    def answers(self, examples: Sequence[Sentence | str | Sequence[str]]) -> list[dict[str, Any]]:
        """``words`` and ``labels`` of each sentence: what :meth:`read` gives, a text with spaces
        between its words, or a list of words.

        Raises:
            LaminaError: an example that is none of these, with its position.
        """
        if isinstance(examples, str):
            raise LaminaError(f"got one text, {shorten(examples, 40)!r}; need a list of texts")
        sentences = [self._sentence(e, f"example {i}") for i, e in enumerate(examples, start=1)]
        return [
            {"words": list(sentence.words), "labels": self.labels.write(labels)}
            for sentence, labels in zip(sentences, self._label(sentences), strict=True)
        ]

    def show(self, example: Sentence | str, answer: Mapping[str, Any]) -> str:
        """The lines of the sentence with its labels, as the file has them."""
        return self.inputs.write(self._sentence(example, "example"), answer["labels"])

    def _sentence(self, example: Sentence | str | Sequence[str], place: str) -> Sentence:
        if isinstance(example, Sentence):
            return example
        if isinstance(example, str):
            return self.inputs.typed(example, place)
        if not (
            isinstance(example, Sequence)
            and len(example)
            and all(isinstance(word, str) and word for word in example)
        ):
            raise LaminaError(
                f"got {shorten(repr(example), 40)}; need a text, or a list of words", place=place
            )
        return Sentence(example, place)

    @torch.no_grad()
    def _label(self, sentences: Sequence[Sentence], batch_size: int = 64) -> list[list[str]]:
        forms, encoded = self.lexicon.encode([sentence.words for sentence in sentences])
        steps = [np.stack((words, np.zeros_like(words)), axis=1) for words in encoded]
        spelled = self.spelling is not None
        batches = LabelledBatches(
            forms, steps, spelled=spelled, batch_size=batch_size, shuffle=False
        )
        device = self.head.weight.device
        found: list[list[str]] = [[] for _ in sentences]
        was_training = self.training
        self.eval()
        for k in range(len(batches)):
            batch = batches[k].to(device)
            scores = self(batch.inputs, batch.lengths, batch.more)
            best = self.output.decode(scores, batch.lengths).T.tolist()
            assert batch.index is not None
            for i, row in zip(batch.index.tolist(), best, strict=True):
                length = len(sentences[i].words)
                found[i] = [self.labels.names[label] for label in row[:length]]
        self.train(was_training)
        return found


class _Lookup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lower: bool
    digits: bool


class Tag:
    """Learn to put a label on every word of a sentence.

    >>> task = Tag("train.conll", test="test.conll", scheme="IOBES")      # doctest: +SKIP
    >>> model = task.model(depth=2, width=128, dropout=0.5)               # doctest: +SKIP

    The metric is F1 over spans where labels mark spans, else accuracy.

    Args:
        source: a file or the name of a corpus; with ``changes``, the fields of :class:`TagData`.

    Raises:
        LaminaError: data that cannot be read, with file and line.
    """

    name = NAME
    Data = TagData
    Options = TagOptions
    Network = Tagger

    def __init__(self, source: str | Path, **changes: Any):
        values = {"source": as_source(source), **changes}
        self.data = data = struct_from(TagData, values, what="field")
        self.inputs = data.inputs()
        self.parts, self.fingerprints = read(data)
        train = self.parts["train"]
        self.labels = self._learn_labels()
        residues = self.inputs.residues
        self.lexicon = Lexicon.build(
            (sentence.words for sentence in train),
            lower=data.lower and not residues,
            digits=data.digits and not residues,
            max_size=data.max_vocabulary,
            min_count=data.min_count,
        )
        self._encode()

    @classmethod
    def for_model(cls, model: Tagger, path: str | Path, **changes: Any) -> Tag:
        """A task whose test part is the file at ``path``, read as ``model`` reads."""
        task = cls.__new__(cls)
        task.labels, task.lexicon = model.labels, model.lexicon
        if model.inputs.residues and "label" not in changes:
            raise LaminaError(
                "need label= (--label), a FASTA file with the labels of its residues",
                place=str(path),
            )
        known = msgspec.to_builtins(model.inputs)
        values = {**known, "source": str(path), "matching": model.labels.matching, **changes}
        task.data = data = struct_from(TagData, values, what="field")
        task.inputs = data.inputs()
        test = task.inputs.read(path, mask=data.mask)
        task.parts = {"train": [], "validation": [], "test": test}
        written = recognise(sentence.labels or () for sentence in test)
        if model.labels.scheme is not None and written is not None:
            task.labels = msgspec.structs.replace(model.labels, written=written)
        task.fingerprints = {str(path): fingerprint(path)}
        task._encode()
        return task

    def _learn_labels(self) -> TagLabels:
        """What the training part's labels are, and the scheme that they follow."""
        data = self.data
        written = recognise(sentence.labels or () for sentence in self.parts["train"])
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
                rule.read(sentence.labels or ()), counted(sentence), strict=True
            )
            if counts
        }
        if len(names) < 2:
            raise LaminaError(
                f"got {len(names)} labels in the training part; need at least two",
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
                targets = np.where(counted(sentence), np.array(known), NOT_COUNTED)
                steps.append(np.stack((words, targets), axis=1))
        self.names += list(numbers)[len(self.names) :]
        scheme = self.labels.scheme
        self.metric = ACCURACY if scheme is None else SPAN_F1
        self.spans = None
        if scheme is not None:
            self.spans = SpanCounts(self.names, scheme, self.labels.matching)

    def model(self, options: TagOptions | None = None, /, **changes: Any) -> Tagger:
        """A fresh tagger for these labels and words."""
        chosen = changed(options or TagOptions(), changes, what="model option")
        return Tagger(chosen, self.inputs, self.lexicon, self.labels)

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        """Length-bucketed batches; shuffled for training only."""
        return LabelledBatches(
            self.forms[part],
            self.steps[part],
            spelled=not self.inputs.residues,
            batch_size=self.data.batch_size,
            shuffle=part == "train",
            seed=seed,
            epoch=epoch,
        )

    def step(self, model: Model, batch: Batch, state: State | None) -> Step:
        """Mean loss of a label, and how many labels and spans are right."""
        assert isinstance(model, Tagger)
        targets, count = batch.targets, batch.predictions
        scores = model(batch.inputs, batch.lengths, batch.more)
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
        scores = {"loss": sums["loss"] / count, "accuracy": sums["correct"] / count}
        if self.spans is None:
            return scores
        return scores | f1(sums)

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Task`."""
        return {
            "name": NAME,
            "data": msgspec.to_builtins(self.data),
            "fingerprints": self.fingerprints,
            "sizes": {part: len(sentences) for part, sentences in self.parts.items()},
        }
