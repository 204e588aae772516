"""Language models of several texts, of words as they stand, and of texts that lie on the disk."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from command_line import TINY, lamina
from lamina.data.batch.mixture import Renumbered
from lamina.spec import LaminaError
from lamina.tasks import LanguageModel, load, reopen
from lamina.train import Silent, evaluate, fit

WELLS = "the time traveller came back and told his story.\n" * 60
PLAYS = "KING: what ho! who goes there? Speak.\n" * 40


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two authors, and texts of words."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path / "cache"))
    Path("wells.txt").write_text(WELLS)
    Path("plays.txt").write_text(PLAYS)
    words = " the <unk> sat on the mat . \n \n a cat , a <unk> dog . \n"
    Path("words.txt").write_text(words * 120)
    return tmp_path


def both(**changes) -> LanguageModel:
    return LanguageModel(["wells.txt", "plays.txt"], **{"batch_size": 4, "steps": 10, **changes})


def test_an_epoch_is_the_same_each_time_and_other_epochs_are_not() -> None:
    task, again = both(weights=(1, 2)), both(weights=(1, 2))
    first, second = task.batches("train", epoch=1, seed=5), again.batches("train", epoch=1, seed=5)
    assert len(first) == len(second)
    for k in (len(first) - 1, 0, 3):  # in any order
        assert torch.equal(first[k].inputs, second[k].inputs)
        assert torch.equal(first[k].targets, second[k].targets)
    assert not torch.equal(first[0].inputs, task.batches("train", epoch=2, seed=5)[0].inputs)
    assert not torch.equal(first[0].inputs, task.batches("train", epoch=1, seed=6)[0].inputs)


def test_weights_are_shares_of_the_tokens() -> None:
    sizes = [len(text) for text in both().texts["train"]]
    for weights, share in (((1, 2), 2 / 3), ((), sizes[1] / sum(sizes)), ((1, 0), 0.0)):
        task = both(weights=weights)
        tokens = torch.cat([b.inputs.flatten() for b in task.batches("train")]).tolist()
        capitals = task.vocabulary.decode(tokens).count("K")  # one a line
        assert math.isclose(capitals / (len(tokens) / 38), share, abs_tol=0.06)


def test_each_source_is_scored_as_if_alone() -> None:
    torch.manual_seed(0)
    task = both()
    model = task.model(cell="gru", depth=1, width=6, embedding=4).double()
    scores = evaluate(model, task)
    counts, losses = [], []
    for name, tokens in zip(task.names, task.texts["validation"], strict=True):
        alone = both()
        alone.texts["validation"] = [tokens, tokens[:0]]
        own = evaluate(model, alone)
        assert math.isclose(own["perplexity"], scores[f"perplexity[{name}]"], rel_tol=1e-12)
        counts.append(sum(batch.targets.numel() for batch in alone.batches("validation")))
        losses.append(own["loss"])
    assert task.names == ["wells", "plays"]
    assert math.isclose(scores["loss"], np.average(losses, weights=counts), rel_tol=1e-12)


def test_a_source_without_weight_is_scored_and_does_not_count() -> None:
    torch.manual_seed(0)
    task = both(weights=(1, 0))
    scores = evaluate(task.model(depth=1, width=4, embedding=4), task)
    assert scores["perplexity"] == scores["perplexity[wells]"] != scores["perplexity[plays]"]
    assert set("KING") <= set(task.vocabulary.counted)  # so that diets can be compared


def test_mixed_authors_from_the_command_line(world: Path) -> None:
    train = ("train", "language-model", "wells.txt", "plays.txt", "--weights", "1,2", *TINY)
    whole = lamina(*train, "--epochs", 2)
    assert whole.status == 0, whole.err
    assert re.fullmatch(
        r"test perplexity .*predictions\n  wells \d+\.\d+\n  plays \d+\.\d+\n", whole.out
    )
    run = Path("runs/wells-plays")
    assert "perplexity[plays]" in json.loads((run / "test.json").read_text())
    line = json.loads((run / "history.jsonl").read_text().splitlines()[-1])
    assert line["validation_perplexity[wells]"] > 1
    assert 0 < line["data_share"] < 1
    config = json.loads((run / "config.json").read_text())
    again = json.loads(json.dumps(reopen(config["task"]).config()))
    assert again == config["task"]
    assert lamina("train", "--config", run / "config.json", "--out", "b").status == 0
    a, b = (load_file(folder / "weights.safetensors") for folder in (run, Path("b")))
    assert all((a[name] == b[name]).all() for name in a)
    assert "over" in lamina("evaluate", run, "plays.txt").out
    assert lamina("generate", run, "--prompt", "the", "--length", 3).status == 0
    tiny = ("--width", 4, "--embedding", 4, "--epochs", 1)
    depth = lamina("depth", "language-model", *train[2:4], *tiny, "--depths", "1,2", "--seeds", 1)
    assert depth.status == 0, depth.err
    assert Path("runs/wells-plays-depth/verdict.json").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--weights", "1"), "got 1 weights for 2 sources; need one each"),
        (("--weights", "1,-1"), "need at least 0"),
        (("--weights", "0,0"), "need one above 0"),
        (("--validation", "wells.txt"), "leave it out"),
        (("wells.txt",), "got the source 'wells.txt' twice"),
        (("none.txt",), "none.txt: no such file"),
    ],
)
def test_what_cannot_be_mixed_is_refused(options, words) -> None:
    outcome = lamina("train", "language-model", "wells.txt", "plays.txt", *options, *TINY)
    assert outcome.status == 2
    assert words in outcome.err
    assert outcome.err.count("\n") == 1


ADAPTIVE = {"softmax": "adaptive", "cutoffs": (4, 7)}


@pytest.mark.parametrize(
    "shape",
    [ADAPTIVE, {"tied": True}, {**ADAPTIVE, "tied": True}],
)
def test_words_as_they_stand_are_learned(shape, tmp_path: Path) -> None:
    task = LanguageModel("words.txt", level="space", batch_size=4, steps=12)
    assert sorted(task.vocabulary.tokens) == sorted(
        ["<unk>", "<eos>", "the", "sat", "on", "mat", ".", "a", "cat", ",", "dog"]
    )
    torch.manual_seed(0)
    chosen = {"embedding_dropout": 0.02, "dropout": 0.05, **shape}
    model = task.model(cell="lstm", depth=1, width=20, embedding=20, **chosen)
    result = fit(model, task, epochs=12, lr=0.03, out=tmp_path / "run", progress=Silent())
    assert result.best["perplexity"] < 1.4
    again = load(tmp_path / "run")
    assert again.generate("sat on", 6, temperature=0) == "sat on the mat .\n\na"
    assert evaluate(again, LanguageModel.for_model(again, "words.txt"), "test")["loss"] < 0.4


@pytest.mark.parametrize("more", [{}, ADAPTIVE])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("width", [16, 24])
def test_the_loss_is_that_of_the_scores(more, tied, width) -> None:
    task = LanguageModel("words.txt", level="space")
    torch.manual_seed(0)
    model = task.model(depth=1, width=width, embedding=16, tied=tied, **more).double()
    tokens, targets = torch.randint(len(task.vocabulary), (2, 9, 4))
    scores, _ = model(tokens)
    need = torch.nn.functional.cross_entropy(scores.flatten(0, 1), targets.flatten())
    torch.testing.assert_close(model.loss(tokens, targets)[0], need)
    need.backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("shape", [{}, {**ADAPTIVE, "tied": True}])
def test_embedding_dropout_takes_a_token_everywhere(shape) -> None:
    task = LanguageModel("words.txt", level="space")
    model = task.model(depth=1, width=16, embedding=16, embedding_dropout=0.5, **shape).train()
    entered = []
    model.stack.register_forward_pre_hook(lambda _, given: entered.append(given[0]))
    tokens = torch.randint(len(task.vocabulary), (20, 6))
    model(tokens)
    kept = (entered[0] != 0).all(-1)
    gone = (entered[0] == 0).all(-1)
    assert (kept | gone).all()
    for token in tokens.unique():
        assert kept[tokens == token].unique().numel() == 1
    model.eval()(tokens)
    table = model.embedding
    whole = entered[1] if table is None else table.weight[tokens]
    torch.testing.assert_close(entered[0][kept], 2 * whole[kept])


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"softmax": "adaptive", "cutoffs": (5, 5)}, "need rising numbers"),
        ({"embedding_dropout": 1.0}, "need 0 <= embedding_dropout < 1"),
        ({"embedding": "onehot", "embedding_dropout": 0.1}, "needs an embedding"),
        ({"softmax": "adaptive"}, "need one below"),
    ],
)
def test_shapes_that_make_no_sense(shape, words) -> None:
    with pytest.raises(LaminaError, match=words):
        LanguageModel("wells.txt").model(**shape)


def test_a_text_on_the_disk_is_trained_on_as_one_in_memory(monkeypatch) -> None:
    found = []
    for keep in (1 << 30, 0):
        monkeypatch.setattr("lamina.data.cache.build.KEEP_FROM", keep)
        task = both(weights=(1, 2))
        torch.manual_seed(0)
        model = task.model(depth=1, width=4, embedding=4)
        fit(model, task, epochs=2, progress=Silent())
        assert isinstance(task.texts["train"][0], Renumbered if keep == 0 else np.ndarray)
        found.append((task.baseline(), task.config(), model.state_dict()))
    assert found[0][:2] == found[1][:2]
    for name, value in found[0][2].items():
        assert torch.equal(value, found[1][2][name])


_MEASURED = """
import sys, tracemalloc
from lamina.tasks import LanguageModel
tracemalloc.start()
for file in sys.argv[2:]:
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    task = LanguageModel(file, level=sys.argv[1], batch_size=32)
    batches = task.batches("train")
    [batches[k] for k in range(0, len(batches), max(1, len(batches) // 50))]
    print(tracemalloc.get_traced_memory()[1] - before)
    assert task.texts["train"][0].ids.base is not None  # it stays on the disk
    del task, batches
"""


@pytest.mark.parametrize("level", ["char", "space"])
def test_memory_does_not_grow_with_the_text(level: str, tmp_path: Path) -> None:
    """In a process of its own: what is allocated for texts of 4.5 and 9 MB."""
    files = [tmp_path / "long.txt", tmp_path / "longer.txt"]
    for file, copies in zip(files, (1, 2), strict=True):
        file.write_text((WELLS * 17 + "\n") * 90 * copies)
    words = [sys.executable, "-c", _MEASURED, level, *map(str, files)]
    out = subprocess.run(words, capture_output=True, check=True).stdout
    small, large = map(int, out.split())
    assert large < 1.2 * small
    assert large < 100e6
