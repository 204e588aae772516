"""Sequence labelling: what it reads, the laws of its batches and models, and what a run gives
back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from lamina.data import find
from lamina.data.read.formats.conll import read_columns
from lamina.data.text.span_schemes import convert
from lamina.spec import ACCURACY, SPAN_F1, LaminaError
from lamina.tasks import Tag, load, reopen
from lamina.tasks.tag.batch import Spelling
from lamina.tasks.tag.data import NAMED
from lamina.train import Silent, evaluate, fit
from laws import EXACT
from tagged import write_tagged

SMALL = {"width": 8, "embedding": 8, "character_embedding": 4, "character_width": 4}


@pytest.fixture
def world(tmp_path: Path) -> Path:
    write_tagged(tmp_path)
    return tmp_path


def proteins(world: Path, **changes: Any) -> Tag:
    files = {"label": str(world / "labels.fasta"), "mask": str(world / "mask.fasta")}
    return Tag(world / "residues.fasta", **{**files, **changes})


def test_named_entities_are_learned_and_come_back(world: Path) -> None:
    task = Tag(world / "ner.txt", scheme="IOBES", batch_size=8)
    assert task.metric is SPAN_F1
    assert task.labels.written == "IOB1"
    assert "S-PER" in task.labels.names
    assert task.baseline() == 0.0
    torch.manual_seed(0)
    model = task.model(**SMALL)
    result = fit(model, task, epochs=6, lr=0.02, out=world / "run", progress=Silent())
    assert result.best["f1"] == 1.0
    again = load(world / "run")
    sentence = "Bo Li lives in New York 7"
    expected = "I-PER I-PER O O I-LOC I-LOC O"
    assert again.answers([sentence]) == [{"words": sentence.split(), "labels": expected.split()}]
    assert again.predict([sentence.split()]) == [expected]
    scores = evaluate(again, Tag.for_model(again, world / "ner.txt"), "test")
    assert scores["f1"] > 0.97
    assert set(scores) == {"loss", "accuracy", "f1", "precision", "recall"}
    assert reopen(json.loads(json.dumps(task.config()))).config() == task.config()


def test_parts_of_speech(world: Path) -> None:
    task = Tag(world / "bank.conllu", batch_size=8)
    assert task.metric is ACCURACY
    assert task.labels.names == ["NUM", "PROPN", "X"]
    assert 0.3 < task.baseline() < 0.8
    torch.manual_seed(0)
    result = fit(task.model(**SMALL), task, epochs=4, lr=0.02, progress=Silent())
    assert (result.best["accuracy"] or 0) > 0.98
    assert Tag(world / "bank.conllu", label="xpos").labels.names == ["num", "propn", "x"]


def test_residues_that_do_not_count_are_neither_learned_nor_scored(world: Path) -> None:
    task = proteins(world, batch_size=4)
    assert {part: len(rows) for part, rows in task.parts.items()} == {
        "train": 36,
        "validation": 12,
        "test": 12,
    }
    model = task.model(width=8, embedding=8)
    batch = next(batch for batch in task.batches("train") if batch.lengths is not None)
    assert batch.lengths is not None
    assert batch.predictions == int(batch.lengths.sum()) - len(batch.lengths)  # but the first
    step = task.step(model, batch, None)
    assert step.count == batch.predictions
    labels = world / "labels.fasta"
    rows = labels.read_text().splitlines()
    rows[1::2] = ["H" + row[1:] for row in rows[1::2]]
    labels.write_text("\n".join(rows))
    other = next(b for b in proteins(world, batch_size=4).batches("train") if b.lengths is not None)
    assert torch.equal(task.step(model, other, None).loss, step.loss)
    torch.manual_seed(0)
    result = fit(task.model(width=8, embedding=8), task, epochs=6, lr=0.03, progress=Silent())
    assert result.best["accuracy"] == 1.0


@pytest.mark.parametrize("output", ["softmax", "crf"])
@pytest.mark.parametrize("characters", ["recurrent", "convolution", "none"])
def test_a_batch_equals_its_members_alone(world: Path, output: str, characters: str) -> None:
    task = Tag(world / "ner.txt", batch_size=7)
    torch.manual_seed(0)
    size = {"width": 8, "embedding": 8} if characters == "none" else SMALL
    model = task.model(**size, depth=2, output=output, characters=characters).double().eval()
    for part in model.output.parameters():
        part.data.normal_()
    batch = next(b for b in task.batches("train") if b.lengths is not None)
    assert batch.lengths is not None
    padding = batch.targets < 0
    assert padding.any()
    together = task.step(model, batch, None)
    batch.inputs[padding] = 10**9  # no word: whoever reads it fails
    if batch.which is not None:
        batch.which[padding] = 10**9
    if characters != "none":
        torch.testing.assert_close(task.step(model, batch, None).loss, together.loss, **EXACT)
    assert batch.index is not None
    texts = [task.parts["train"][i] for i in batch.index.tolist()]
    alone = []
    for b, length in enumerate(batch.lengths.tolist()):
        forms, (which,) = task.lexicon.encode([texts[b].words])
        inputs = torch.from_numpy(forms.words[which])[:, None]
        longest = max(map(len, forms.characters))
        letters = torch.zeros(longest, len(forms.words), dtype=torch.int64)
        for w, spelled in enumerate(forms.characters):
            letters[: len(spelled), w] = torch.from_numpy(spelled)
        lengths = torch.tensor([len(s) for s in forms.characters])
        spelling = Spelling(letters, lengths, torch.from_numpy(which)[:, None])
        scores = model(inputs, None, spelling)
        alone.append(model.output.loss(scores, batch.targets[:length, b : b + 1]))
    torch.testing.assert_close(together.loss * together.count, sum(alone), **EXACT)
    answers = model.answers(texts)
    assert answers == [model.answers([text])[0] for text in texts]


def test_counts_add_up_over_batches(world: Path) -> None:
    """The score of a part does not depend on how it is cut into batches."""
    scores = []
    for size in (1, 5, 64):
        task = Tag(world / "ner.txt", batch_size=size)
        torch.manual_seed(0)
        model = task.model(**SMALL).double()
        scores.append(evaluate(model, task, "validation"))
    assert scores[0] == pytest.approx(scores[1])
    assert scores[0] == pytest.approx(scores[2])


def test_labels_that_training_has_not_seen_are_wrong_answers(world: Path) -> None:
    task = Tag(world / "ner.txt")
    model = task.model(**SMALL)
    other = world / "other.txt"
    other.write_text("Ada x I-PER\nWaterloo x I-BATTLE\n\nhere x O\n")
    later = Tag.for_model(model, other)
    assert later.names[-1] == "I-BATTLE"
    (batch,) = later.batches("test")
    sums = later.step(model, batch, None).sums
    assert int(sums["spans_given"]) == 2
    assert sums["loss"].isfinite()


def test_a_file_in_another_scheme_is_scored_alike(world: Path) -> None:
    task = Tag(world / "ner.txt")
    torch.manual_seed(0)
    model = task.model(**SMALL)
    fit(model, task, epochs=2, lr=0.02, progress=Silent())
    expected = evaluate(model, Tag.for_model(model, world / "ner.txt"), "test")
    for scheme in ("IOB2", "IOBES"):
        rows = []
        for sentence in read_columns(world / "ner.txt", word=1, label=-1):
            labels = convert(list(sentence.labels or ()), scheme)
            rows.append("\n".join(f"{w} {x}" for w, x in zip(sentence.words, labels, strict=True)))
        (world / "other.txt").write_text("\n\n".join(rows), encoding="utf-8")
        scores = evaluate(model, Tag.for_model(model, world / "other.txt"), "test")
        assert scores == pytest.approx(expected)


def test_word_dropout_reads_words_as_unknown(world: Path) -> None:
    task = Tag(world / "ner.txt", batch_size=64)
    torch.manual_seed(0)
    model = task.model(**SMALL, word_dropout=0.5).train()
    seen: list[torch.Tensor] = []
    model.embedding.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    batch = task.batches("train")[0]
    model(batch.inputs, batch.lengths, batch.spelling)
    model.eval()(batch.inputs, batch.lengths, batch.spelling)
    valid = batch.targets >= 0
    assert 0.4 < float((seen[0][valid] == 0).double().mean()) < 0.6
    assert torch.equal(seen[1][valid], batch.inputs[valid])


def test_copies_of_a_sentence_stay_in_one_part(world: Path) -> None:
    text = (world / "ner.txt").read_text(encoding="utf-8")
    (world / "twice.txt").write_text(text + "\n" + text, encoding="utf-8")
    parts = Tag(world / "twice.txt").parts
    seen = [{tuple(s.words) for s in sentences} for sentences in parts.values()]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda w: Tag(w / "ner.txt", label="9"), r"ner.txt:3: no column 9 for the label"),
        (lambda w: Tag(w / "ner.txt", label="upos"), "label is 'upos'; need the number"),
        (lambda w: Tag(w / "ner.txt", label="0"), "label is '0'; need the number"),
        (lambda w: Tag(w / "ner.txt", word=0), "word is 0"),
        (lambda w: Tag("wnut17", word=2), "got word = 2; wnut17 is read as it is known"),
        (lambda w: Tag("protein_ss3", mask="m"), "got mask = 'm'; protein_ss3"),
        (lambda w: Tag(w / "bank.conllu", word=2), "only files in columns have a choice"),
        (lambda w: Tag(w / "ner.txt", label="2"), "got 1 label in the training part"),
        (lambda w: Tag(w / "ner.txt", mask="m.fasta"), "only FASTA files have one"),
        (lambda w: Tag(w / "bank.conllu", label="lemma"), "need upos or xpos"),
        (lambda w: Tag(w / "bank.conllu", scheme="IOB2"), "the labels mark no spans"),
        (lambda w: Tag(w / "residues.fasta"), r"need label= \(a FASTA file"),
        (lambda w: proteins(w, test="t.fasta"), "are given in the headers"),
        (lambda w: proteins(w).model(characters="recurrent"), "a residue is one"),
        (lambda w: Tag(w / "ner.txt", shceme="IOB2"), "did you mean 'scheme'"),
        (lambda w: Tag(w / "ner.txt", scheme="BIO"), "scheme"),
        (lambda w: Tag(w / "ner.txt", min_count=10**6), "no word is left"),
        (lambda w: Tag(w / "ner.txt").model(word_dropout=1.0), "word_dropout is 1.0"),
        (lambda w: Tag(w / "ner.txt").model(character_width=0), "character_width is 0"),
        (lambda w: Tag(w / "ner.txt").model().predict("Ada"), "need a list of texts"),
        (lambda w: Tag(w / "ner.txt").model().predict([3]), "example 1: got 3; need a text"),
        (lambda w: Tag(w / "ner.txt").model().predict(["a", " "]), "example 2: is blank"),
        (lambda w: Tag.for_model(proteins(w).model(), w / "residues.fasta"), "need label="),
    ],
)
def test_errors_are_one_line(world: Path, make: Any, message: str) -> None:
    with pytest.raises(LaminaError, match=message) as caught:
        make(world)
    assert "\n" not in str(caught.value)


SIZES = {
    "conll2003": (14_041, 3_250, 3_453),
    "wnut17": (3_394, 1_009, 1_287),
    "ud_english_ewt": (12_544, 2_001, 2_077),
    "protein_ss3": (9_712, 1_080, 364),
}


@pytest.mark.parametrize("name", NAMED)
def test_named_corpora_have_their_official_parts(name: str) -> None:
    if not os.environ.get("LAMINA_DATA"):
        pytest.skip("LAMINA_DATA is not set: the named corpora are not tried")
    try:
        find(name)
    except LaminaError as error:
        pytest.skip(str(error))
    task = Tag(name)
    assert tuple(map(len, task.parts.values())) == SIZES[name]
    spans = {"conll2003": "IOB1", "wnut17": "IOB2"}.get(name)
    assert task.labels.scheme == spans
    assert task.metric is (SPAN_F1 if spans else ACCURACY)
    if name == "conll2003":
        given = sum(
            int(task.spans(b.targets, b.targets, b.targets >= 0)["spans_given"])
            for b in task.batches("test")
            if task.spans is not None
        )
        assert given == 5_648  # as the shared task's paper counts them
