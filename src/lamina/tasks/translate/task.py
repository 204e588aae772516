"""Translation: from a text in one language to the same in another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lamina.data import fingerprint
from lamina.data.batch.pairs import PairBatches
from lamina.data.read.shapes import Pairs
from lamina.data.text.subwords import END, Subwords
from lamina.nn import valid_steps
from lamina.nn.heads.cross_entropy import output_loss
from lamina.spec import BLEU, Batch, LaminaError, Model, Part, State, Step
from lamina.store.structs import changed, struct_from
from lamina.tasks.config import task_config
from lamina.tasks.decode.beam import Hypothesis
from lamina.tasks.scores.translation import check_installed, counts, scores
from lamina.tasks.source import as_source
from lamina.tasks.translate.data import TranslateData, read, read_files
from lamina.tasks.translate.network import NAME, TranslateOptions, Translator, limits, shifted


class Translate:
    """Learn to translate.

    >>> task = Translate("train.en", target="train.de")          # doctest: +SKIP
    >>> model = task.model(cell="gru", depth=2, width=256)       # doctest: +SKIP

    Args:
        source: a file or the name of a corpus; with ``changes``, the fields of
            :class:`TranslateData`.

    Raises:
        LaminaError: data that cannot be read, with file and line.
    """

    name = NAME
    metric = BLEU
    Data = TranslateData
    Options = TranslateOptions
    Network = Translator

    def __init__(self, source: str | Path, **changes: Any):
        check_installed()
        values = {"source": as_source(source), **changes}
        self.data = data = struct_from(TranslateData, values, what="field")
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
    def for_model(cls, model: Translator, path: str | Path, **changes: Any) -> Translate:
        """A task whose test part is the file of pairs at ``path``, or its lines with those of the
        file ``target=``, read as ``model`` reads."""
        check_installed()
        task = cls.__new__(cls)
        fields = {"source": str(path), "bleu_tokenizer": model.bleu_tokenizer, **changes}
        task.data = data = struct_from(TranslateData, fields, what="field")
        task.vocabulary, task.target_vocabulary = model.vocabulary, model.target_vocabulary
        files = data.files
        nothing = Pairs([], [], [])
        task.parts = {"train": nothing, "validation": nothing, "test": read_files(files)}
        task.fingerprints = {file: fingerprint(file) for file in files}
        task._encode()
        return task

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

    def model(self, options: TranslateOptions | None = None, /, **changes: Any) -> Translator:
        """A fresh network for these vocabularies."""
        chosen = changed(options or TranslateOptions(), changes, what="model option")
        return Translator(chosen, self.vocabulary, self.target_vocabulary, self.data.bleu_tokenizer)

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        """Pairs of like length together; shuffled for training only.

        Outside training, ``more["beam"]`` says how a batch is translated: greedily, to choose by
        (``False``), or with a beam too, to judge by (``True``).
        """
        more = {} if part == "train" else {"beam": torch.tensor(part == "test")}
        return PairBatches(
            self.sources[part],
            self.targets[part],
            batch_size=self.data.batch_size,
            shuffle=part == "train",
            seed=seed,
            epoch=epoch,
            more=more,
        )

    def step(self, model: Model, batch: Batch, state: State | None) -> Step:
        """Mean cross-entropy of the target's tokens with smoothed labels; ``sums["loss"]`` is
        without smoothing. Outside training the batch is translated too."""
        assert isinstance(model, Translator)
        assert batch.lengths is not None
        lengths = batch.more["target_lengths"]
        memory, begin = model.encode(batch.inputs, batch.lengths)
        h, _ = model.decode(shifted(batch.targets), begin, memory, lengths)  # (N, embedding)
        valid = valid_steps(lengths, len(batch.targets), batch.targets.device)
        share = model.options.label_smoothing if model.training else 0.0
        loss, plain = output_loss(h, model.output_weight, batch.targets[valid], share)
        count = int(lengths.sum())
        sums = {"loss": plain * count}
        if "beam" in batch.more:
            most = limits(batch.lengths).to(batch.inputs.device)
            greedy = model.search(memory, begin, most, 1)
            if batch.more["beam"]:
                sums |= self._counts(greedy, batch, "greedy_")
                sums |= self._counts(model.search(memory, begin, most, model.options.beam), batch)
            else:
                sums |= self._counts(greedy, batch)
        return Step(loss, sums, count)

    def _counts(
        self, hypotheses: list[Hypothesis], batch: Batch, prefix: str = ""
    ) -> dict[str, torch.Tensor]:
        """What BLEU and chrF are made of."""
        decode = self.target_vocabulary.decode_many
        found = [one.tokens for one in hypotheses]
        lengths = batch.more["target_lengths"].tolist()
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
        return {"loss": sums["loss"] / count, **scores(sums), **greedy}

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Task`."""
        sizes = {part: len(found) for part, found in self.sources.items()}
        return task_config(NAME, self.data, self.fingerprints, sizes)
