"""Translation from files to scores: what is read, what is learned, what comes back."""

from __future__ import annotations

import builtins
import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from torch.nn.functional import cross_entropy

from command_line import done, lamina
from lamina.data.read.pairs import read_pair_table
from lamina.data.text.subwords import BEGIN, END
from lamina.spec import LaminaError
from lamina.tasks import Translate, Translator, load, reopen
from lamina.tasks.saved import SavedModel
from lamina.tasks.scores import translation as translation_scores
from lamina.tasks.translate.data import TranslateData, read
from lamina.tasks.translate.network import limits, shifted
from lamina.train import Silent, evaluate, fit

WORDS = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier", "five": "fünf"}
TINY: dict[str, Any] = {"subwords": 300, "batch_size": 16}
SHAPE: dict[str, Any] = {"width": 7, "embedding": 6, "depth": 2}


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 150 pairs: numbers in English and, in reverse order, in German."""
    folder, rng = tmp_path_factory.mktemp("numbers"), random.Random(0)
    pairs = []
    for i in range(150):
        words = [rng.choice(list(WORDS)) for _ in range(1 + i % 3)]
        pairs.append((" ".join(words) + ".", " ".join(WORDS[w] for w in words[::-1]) + "."))
    (folder / "p.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
    (folder / "p.en").write_text("".join(a + "\n" for a, _ in pairs))
    (folder / "p.de").write_text("".join(b + "\n" for _, b in pairs), encoding="utf-8")
    return folder


@pytest.fixture
def task(numbers: Path) -> Translate:
    return Translate(numbers / "p.tsv", **TINY)


def model(task: Translate, **changes: Any) -> Translator:
    torch.manual_seed(0)
    return task.model(**{**SHAPE, **changes}).double().eval()


def test_it_learns_and_comes_back(numbers: Path, tmp_path: Path) -> None:
    files = {"target": str(numbers / "p.de"), "validation": (str(numbers / "p.tsv"),)}
    task = Translate(numbers / "p.en", **files, test=files["validation"], **TINY)
    torch.manual_seed(0)
    made = task.model(depth=1, width=32, embedding=32, dropout=0.0)
    settings = {"epochs": 20, "lr": 0.015, "evaluate_every": 20, "schedule": "cosine"}
    result = fit(made, task, **settings, out=tmp_path / "run", progress=Silent())
    assert result.best["bleu"] is not None
    assert result.best["bleu"] > 0.95
    again = load(tmp_path / "run")
    assert again.predict(["one two three.", "five."]) == ["drei zwei eins.", "fünf."]
    scores = evaluate(again, task, "test")
    assert scores["bleu"] > 0.95
    assert evaluate(again, Translate.for_model(again, numbers / "p.tsv"), "test") == scores
    history = [json.loads(x) for x in (tmp_path / "run/history.jsonl").read_text().splitlines()]
    assert "validation_chrf" in history[0]
    assert "train_bleu" not in history[0]


def test_without_a_validation_part_the_last_weights_are_kept(numbers: Path) -> None:
    task = Translate(numbers / "p.tsv", fractions=(1.0, 0.0, 0.0), **TINY)
    result = fit(task.model(**SHAPE), task, epochs=2, progress=Silent())
    assert result.best.keys() == {"loss"}
    assert result.best_epoch == 2


@pytest.mark.parametrize("part", ["validation", "test"])
def test_scores_are_those_of_sacrebleu(task: Translate, part: Any) -> None:
    """Added up over batches, of what the model answers to the texts."""
    made = model(task, beam=1 if part == "validation" else 4)
    pairs = task.parts[part]
    answers, references = made.predict(pairs.sources), [pairs.targets]
    scores = evaluate(made, task, part)
    assert len(task.batches(part)) == 1
    task.data = TranslateData(source="", batch_size=4)
    assert len(task.batches(part)) > 2
    assert evaluate(made, task, part) == pytest.approx(scores)
    assert scores["bleu"] == pytest.approx(BLEU().corpus_score(answers, references).score / 100)
    assert scores["chrf"] == pytest.approx(CHRF().corpus_score(answers, references).score / 100)
    if part == "test":
        answers = model(task, beam=1).predict(pairs.sources)  # of the same weights
        expected = BLEU().corpus_score(answers, references).score / 100
        assert scores["greedy_bleu"] == pytest.approx(expected)


def test_chinese_is_scored_by_its_characters(tmp_path: Path) -> None:
    (tmp_path / "p.tsv").write_text("我们都好\t床前明月光疑是地上霜\n" * 30, encoding="utf-8")
    files = (str(tmp_path / "p.tsv"),)
    task = Translate(files[0], validation=files, test=files, bleu_tokenizer="zh", subwords=290)
    torch.manual_seed(0)
    made = task.model(depth=1, width=24, embedding=16, dropout=0.0)
    result = fit(made, task, epochs=80, lr=0.02, progress=Silent(), evaluate_every=80)
    assert result.best["bleu"] == pytest.approx(1.0)
    assert made.predict(["我们都好"]) == ["床前明月光疑是地上霜"]


def test_the_loss_is_that_of_every_target_alone(task: Translate) -> None:
    """A padded batch under teacher forcing, against each pair on its own, one step a call."""
    made = model(task, label_smoothing=0.1)
    made.requires_grad_(False)
    scores = evaluate(made, task)
    total, count = 0.0, 0
    for source, target in zip(task.sources["validation"], task.targets["validation"], strict=True):
        memory, state = made.encode(torch.from_numpy(source)[:, None])
        read = BEGIN
        for token in target.tolist():
            h, state = made.decode(torch.tensor([[read]]), state, memory)
            total += float(cross_entropy(h @ made.output_weight.T, torch.tensor([token])))
            count, read = count + 1, token
    assert scores["loss"] == pytest.approx(total / count, rel=1e-6)
    assert count == sum(batch.predictions for batch in task.batches("validation"))


def test_smoothing_is_in_what_is_learned_and_not_in_what_is_said(task: Translate) -> None:
    made = model(task, label_smoothing=0.2, dropout=0.0).train()
    batch = task.batches("train")[0]
    step = task.step(made, batch, None)
    lengths = batch.target_lengths
    scores = made(batch.inputs, batch.lengths, batch.targets, lengths)
    targets = torch.cat([batch.targets[t][lengths > t] for t in range(len(batch.targets))])
    assert scores.shape == (step.count, len(task.vocabulary))
    torch.testing.assert_close(step.loss, cross_entropy(scores, targets, label_smoothing=0.2))
    assert float(step.sums["loss"]) == pytest.approx(
        float(cross_entropy(scores.detach(), targets)) * step.count
    )
    assert step.sums.keys() == {"loss"}


@pytest.mark.parametrize("attention", ["additive", "multiplicative"])
def test_a_batch_is_translated_as_its_members_alone(task: Translate, attention: str) -> None:
    made = model(task, attention=attention, beam=3)
    texts = ["one.", "two three four five one two three.", "中文", "five one."]
    together = made.answers(texts)
    for text, found in zip(texts, together, strict=True):
        (alone,) = made.answers([text])
        assert alone["text"] == found["text"]
        assert alone["log_probability"] == pytest.approx(found["log_probability"])
    assert made.predict([]) == []


def test_what_stands_at_padded_steps_is_never_read(task: Translate) -> None:
    made = model(task)
    for batch in task.batches("train")[:3]:
        assert batch.lengths is not None
        lengths = batch.target_lengths
        expected = made(batch.inputs, batch.lengths, batch.targets, lengths)
        for tokens, own in ((batch.inputs, batch.lengths), (batch.targets, lengths)):
            tokens[torch.arange(len(tokens))[:, None] >= own] = len(task.vocabulary) - 1
        got = made(batch.inputs, batch.lengths, batch.targets, lengths)
        torch.testing.assert_close(got, expected, atol=0, rtol=0)


def test_the_decoder_reads_what_came_before() -> None:
    targets = torch.tensor([[5, 6], [7, END], [END, 0]])
    assert shifted(targets).tolist() == [[BEGIN, BEGIN], [5, 6], [7, END]]


def test_an_answer_ends_in_time(task: Translate) -> None:
    made = model(task)
    with torch.no_grad():
        made.embedding.weight[END] = 0
        made.embedding.weight[END + 1 :] += made.embedding.weight[END + 1 :].sign()
    (source,) = task.vocabulary.encode_many(["one two."])
    memory, state = made.encode(torch.from_numpy(source)[:, None])
    most = limits(torch.tensor([len(source)]))
    (found,) = made.search(memory, state, most, 1)
    assert len(found.tokens) < int(most)


def test_pairs_with_the_same_source_stay_together(tmp_path: Path) -> None:
    lines = [f"text {i % 30}.\tText {i}.\n" for i in range(120)]
    (tmp_path / "p.tsv").write_text("".join(lines))
    parts, _ = read(TranslateData(source=str(tmp_path / "p.tsv")))
    sources = [set(parts[part].sources) for part in ("train", "validation", "test")]
    assert sum(map(len, sources)) == 30
    assert sum(len(part) for part in parts.values()) == 120


def test_long_pairs_are_left_out_of_training_only(numbers: Path) -> None:
    files = (str(numbers / "p.tsv"),)
    task = Translate(numbers / "p.tsv", max_tokens=2, validation=files, test=files, **TINY)
    assert len(task.sources["validation"]) == 150
    assert 0 < len(task.sources["train"]) < 150
    assert max(map(len, task.targets["train"])) <= 3
    with pytest.raises(LaminaError, match="no pair of the training part has at most max_tokens=1"):
        Translate(numbers / "p.tsv", max_tokens=1, **TINY)


@pytest.mark.parametrize("tied", ["none", "output", "all"])
@pytest.mark.parametrize("joint", [True, False])
def test_tables_are_shared_as_asked(numbers: Path, tmp_path: Path, tied: str, joint: bool) -> None:
    task = Translate(numbers / "p.tsv", joint=joint, **TINY)
    if tied == "all" and not joint:
        with pytest.raises(LaminaError, match="needs one vocabulary of both languages"):
            task.model(**SHAPE, tied=tied)
        return
    made = task.model(**SHAPE, tied=tied)
    tables = sum(
        p.shape[0] in (len(made.vocabulary), len(made.target_vocabulary)) for p in made.parameters()
    )
    assert tables == {"none": 3, "output": 2, "all": 1}[tied]
    assert (made.output_weight is made.embedding.weight) == (tied != "none")
    result = fit(made, task, epochs=1, out=tmp_path / "run", progress=Silent())
    names = {file.name for file in (tmp_path / "run").glob("*subwords.json")}
    assert names == (
        {"subwords.json"} if joint else {"source_subwords.json", "target_subwords.json"}
    )
    assert result.steps == len(task.batches("train"))
    assert load(tmp_path / "run").predict(["one."]) == made.predict(["one."])


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("depth", [1, 3])
def test_every_cell_and_depth_trains(task: Translate, cell: str, depth: int) -> None:
    made = task.model(cell=cell, depth=depth, width=6, embedding=5, residual=True, norm="layer")
    step = task.step(made.train(), task.batches("train")[0], None)
    step.loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in made.parameters())


def test_the_baseline_is_one_answer_to_everything(task: Translate) -> None:
    targets = task.parts["train"].targets
    answer = max(set(targets), key=targets.count)
    references = task.parts["validation"].targets
    counted = [
        BLEU().corpus_score([text] * len(references), [references]).score / 100
        for text in set(targets)
        if targets.count(text) == targets.count(answer)
    ]
    assert min(abs(task.baseline() - value) for value in counted) < 1e-9


def test_a_run_goes_on_only_with_the_same_files(numbers: Path, tmp_path: Path) -> None:
    for name in ("p.en", "p.de"):
        (tmp_path / name).write_bytes((numbers / name).read_bytes())
    task = Translate(tmp_path / "p.en", target=str(tmp_path / "p.de"), **TINY)
    config = json.loads(json.dumps(task.config()))
    assert reopen(config).config() == task.config()
    assert reopen(config).vocabulary.to_json() == task.vocabulary.to_json()
    (tmp_path / "p.de").write_text((tmp_path / "p.de").read_text().replace("eins", "zwei"))
    with pytest.raises(LaminaError, match=r"p\.de: has changed since the run began"):
        reopen(config)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: Translate(f / "none.tsv"), r"none\.tsv: no such file"),
        (lambda f: Translate(f / "p.en"), r"p\.en:1: got 1 column; need 2"),
        (lambda f: Translate(f / "p.tsv", languages=("en", "de")), "languages are for the corpora"),
        (lambda f: Translate(f / "p.tsv", batch_size=0), "batch_size is 0"),
        (lambda f: Translate(f / "p.tsv", validation=("a", "b", "c")), "validation names 3 files"),
        (lambda f: Translate(f / "p.tsv", subwords=5), "got 5 subwords"),
        (lambda f: Translate("multi30k", languages=("en", "en")), "languages are en,en"),
        (lambda f: Translate("multi30k", languages=("en", "zh")), "languages are en,zh"),
        (lambda f: Translate(["a"]), "got a list as source"),
        (lambda f: Translate(f / "p.tsv", **TINY).model(beam=0), "beam is 0"),
        (lambda f: Translate(f / "p.tsv", **TINY).model(label_smoothing=1.0), "label_smoothing is"),
        (lambda f: Translate(f / "p.tsv", **TINY).model(length_penalty=-1.0), "length_penalty is"),
        (lambda f: Translate(f / "p.tsv", **TINY).model(bidirectional=True), "read its own answer"),
        (lambda f: Translate(f / "p.tsv", **TINY).model(attention="hard"), "attention"),
        (lambda f: Translate(f / "p.tsv", **TINY).model().predict("one"), "got one text, 'one'"),
        (
            lambda f: Translate(f / "p.tsv", **TINY).model().predict(["one", " "]),
            "example 2: is bl",
        ),
        (
            lambda f: Translate(f / "p.tsv", **TINY).model().predict([3]),
            "example 1: got 3; need a text",
        ),
    ],
)
def test_errors_are_one_line(numbers: Path, make, message: str) -> None:
    with pytest.raises(LaminaError, match=message) as caught:
        make(numbers)
    assert "\n" not in str(caught.value)


def test_a_task_for_a_model_refuses_a_field_that_it_has_not(numbers: Path) -> None:
    model = Translate(numbers / "p.tsv", **TINY).model()
    with pytest.raises(LaminaError, match="no field 'label'"):
        Translate.for_model(model, numbers / "p.tsv", label="x")


def test_without_sacrebleu_one_line_names_the_extra(numbers: Path, monkeypatch) -> None:
    translation_scores._metrics.cache_clear()
    real = builtins.__import__

    def missing(name: str, *args: Any, **named: Any) -> Any:
        if name.startswith("sacrebleu"):
            raise ImportError(name)
        return real(name, *args, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(LaminaError, match=r"pip install 'lamina\[translate\]'"):
        Translate(numbers / "p.tsv")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("config.json", '"13a"', "its bleu_tokenizer is 'cat'"),
        ("subwords.json", '"merges"', "was changed after training"),
    ],
)
def test_a_damaged_run_is_refused(
    task: Translate, tmp_path: Path, name: str, text: str, message: str
) -> None:
    made = task.model(**SHAPE)
    fit(made, task, epochs=1, out=tmp_path / "run", progress=Silent())
    file = tmp_path / "run" / name
    file.write_text(file.read_text().replace(text, '"cat"'))
    if name == "config.json":
        config = json.loads(file.read_text())["model"]
        with pytest.raises(LaminaError, match=message):
            Translator.from_saved(SavedModel(config, made.assets(), "config.json"))
        message = "was changed after training"
    with pytest.raises(LaminaError, match=message):
        load(tmp_path / "run")


# -- the command line


QUICK = ("--width", 8, "--embedding", 8, "--subwords", 280, "--epochs", 1, "--threads", 1)


def test_files_are_translated_by_the_commands(numbers: Path, monkeypatch) -> None:
    monkeypatch.chdir(numbers)
    files = ("p.en", "--target", "p.de", "--validation", "p.en,p.de", "--test", "p.tsv")
    trained = done(lamina("train", "translate", *files, *QUICK, "--out", "runs/a"))
    others = "".join(rf"  {name} \d+\.\d\d%\n" for name in ("chrf", "greedy_bleu", "greedy_chrf"))
    told = r"test bleu \d+\.\d\d%, loss \d\.\d{4} nats, over [\d,]+ predictions\n"
    score = told + others
    assert re.fullmatch(score, trained.out)
    assert trained.err.endswith('next  lamina predict runs/a "..."\n')
    one = done(lamina("evaluate", "runs/a", "p.tsv"))
    assert one.out == trained.out
    assert done(lamina("evaluate", "runs/a", "p.en", "--target", "p.de")).out == one.out
    lines = done(lamina("predict", "runs/a", "--file", "p.en", "--json")).out.splitlines()
    assert len(lines) == 150
    assert json.loads(lines[0]).keys() == {"text", "log_probability"}
    typed = done(lamina("predict", "runs/a", "one.", "two."))
    assert len(typed.out.splitlines()) == 2
    resumed = lamina("train", "--resume", "runs/a")
    assert resumed.status == 0
    refused = lamina("evaluate", "runs/a", "p.en")
    assert refused.status == 2
    assert refused.err.startswith("lamina: p.en:1: got 1 column")


def test_depths_are_compared(numbers: Path, monkeypatch) -> None:
    monkeypatch.chdir(numbers)
    how = ("--depths", "1,2", "--seeds", 1, "--beam", 2, "--out", "runs/d")
    outcome = done(lamina("depth", "translate", "p.tsv", *QUICK, *how))
    assert "test bleu" in outcome.out
    assert json.loads(Path("runs/d/verdict.json").read_text())


def test_a_table_equals_its_two_files(numbers: Path) -> None:
    pairs = read_pair_table(numbers / "p.tsv")
    parts, _ = read(
        TranslateData(
            source=str(numbers / "p.en"),
            target=str(numbers / "p.de"),
            fractions=(1.0, 0.0, 0.0),
        )
    )
    assert parts["train"].sources == pairs.sources
    assert parts["train"].targets == pairs.targets
    assert np.array_equal(parts["validation"].sources, [])


def test_a_book_in_one_line_is_refused(task: Translate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamina.tasks.translate.network.MOST_SUBWORDS", 30)
    made = model(task)
    assert len(made.answers(["one two"])) == 1
    with pytest.raises(LaminaError, match=r"^example 2: has \d+ subwords; need at most 30\."):
        made.answers(["one two", "one two " * 100])
