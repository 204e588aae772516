"""The commands, used as a practitioner would with files of their own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from safetensors.numpy import load_file

import lamina as library
from command_line import TINY, done, interrupt_at_a_step, lamina, weights, write_data
from lamina.cli import demo
from lamina.cli.help import EXAMPLE
from lamina.cli.typed import flag
from lamina.depth.job import Job
from lamina.depth.trials import Trial
from lamina.store import RunFolder
from lamina.tasks import TASKS
from lamina.train import Settings


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with small files in it."""
    write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


REVIEWS = ("classify", "reviews.csv", "--text", "review", "--label", "sentiment")


def test_reviews_are_searched_scored_and_predicted() -> None:
    shape = ("--depths", "1-2", "--seeds", 2, "--out", "runs/reviews", *TINY)
    first = done(lamina("depth", *REVIEWS, *shape))
    assert "layer" in first.out
    assert "test accuracy" in first.out
    assert first.err.startswith("text ")
    assert re.search(r"^classes +bad 24, good 24$", first.err, re.MULTILINE)
    assert "4 trials of depths 1, 2" in first.err
    assert "lamina predict runs/reviews" in first.err
    assert json.loads(Path("runs/reviews/verdict.json").read_text())
    assert Path("runs/reviews/report.html").stat().st_size > 1000

    again = done(lamina("depth", *REVIEWS, *shape))
    assert "4 of them done" in again.err

    score = done(lamina("evaluate", "runs/reviews", "more.csv"))
    assert re.fullmatch(
        r"test accuracy \d+\.\d\d%, loss \d\.\d{4} nats, over 11 predictions\n", score.out
    )
    assert score.err == ""

    one = done(lamina("predict", "runs/reviews", "a film that is lovely"))
    assert re.fullmatch(r"(good|bad)\t0\.\d{4}\n", one.out)
    model = library.load("runs/reviews")
    texts = ["a lovely film", "a dull film", "a film"]
    expected = model.answers(texts)
    for outcome in (
        lamina("predict", "runs/reviews", *texts, "--json"),
        lamina("predict", "runs/reviews", "--json", stdin="\n".join(texts).encode()),
        lamina("predict", "runs/reviews", "-", "--json", stdin="\n".join(texts).encode()),
    ):
        assert [json.loads(line) for line in done(outcome).out.splitlines()] == expected
    file = ("predict", "runs/reviews", "--file", "new.csv")
    lines = done(lamina(*file, "--json")).out.splitlines()
    named = [{"place": f"new.csv:{n}", **answer} for n, answer in enumerate(expected, start=2)]
    assert [json.loads(line) for line in lines] == named
    assert list(json.loads(lines[0])) == ["place", "label", "probability"]
    columns = [line.split("\t") for line in done(lamina(*file)).out.splitlines()]
    assert [(c[0], c[2]) for c in columns] == [(a["label"], a["place"]) for a in named]


def test_a_book_is_learned_and_continued() -> None:
    outcome = done(
        lamina(
            *("train", "language-model", "book.txt", "--cell", "lstm", "--depth", 2),
            *("--out", "runs/book", *TINY),
        )
    )
    tensors = load_file("runs/book/weights.safetensors")
    parameters = sum(tensor.size for tensor in tensors.values())
    assert f"{parameters:,} parameters" in outcome.err
    assert re.search(r"[\d,]+ tokens/s in training", outcome.err)
    assert re.fullmatch(r"test perplexity \d.*predictions\n", outcome.out)
    assert outcome.err.endswith('run   runs/book\nnext  lamina generate runs/book --prompt "..."\n')

    text = done(lamina("generate", "runs/book", "--prompt", "time traveller", "--length", 20))
    assert len(text.out) == len("time traveller") + 20 + 1
    assert text.out.startswith("time traveller")
    same = lamina("generate", "runs/book", "--prompt", "time traveller", "--length", 20)
    assert same.out == text.out
    score = done(lamina("evaluate", "runs/book", "book.txt"))
    assert "over 2,936 predictions" in score.out  # in 4 columns
    assert score.err.startswith("lamina: note: the model was trained on this file (book.txt), so")


def test_chinese_needs_no_option() -> None:
    budget = ("--parameters", "2k", "--depths", "1,2", "--seeds", 1, "--epochs", 1)
    done(lamina("depth", "language-model", "classic.txt", *budget, "--embedding", 4))
    out = done(lamina("generate", "runs/classic-depth", "--prompt", "道可", "--length", 9)).out
    assert out.startswith("道可")
    assert len(out) == 12


def test_sensors_are_read_from_files() -> None:
    columns = ("--id", "run", "--label", "state", "--features", "heat,speed")
    done(lamina("train", "classify", "sensors.csv", *columns, "--width", "4,3", "--epochs", 1))
    inputs = json.loads(Path("runs/sensors/config.json").read_text())["model"]["inputs"]
    columns = {"id": "run", "label": "state", "features": ["heat", "speed"]}
    assert inputs == {**inputs, **columns}
    score = done(lamina("evaluate", "runs/sensors", "sensors.csv"))
    assert "over 40 predictions" in score.out
    answers = done(lamina("predict", "runs/sensors", "--file", "sensors.csv"))
    lines = answers.out.splitlines()
    rows = Path("sensors.csv").read_text().splitlines()[1:]
    ids = list(dict.fromkeys(row.split(",")[0] for row in rows))
    assert [line.split("\t")[0] for line in lines] == ids
    first = done(lamina("predict", "runs/sensors", "--file", "sensors.csv", "--json")).out
    assert json.loads(first.splitlines()[0])["id"] == ids[0]


def test_labels_that_look_like_numbers_are_names() -> None:
    columns = ("--text", "review", "--label", "stars", "--out", "r", *TINY)
    done(lamina("train", "classify", "reviews.csv", *columns))
    assert done(lamina("predict", "r", "a film")).out[0] in "01"
    assert "over 11" in done(lamina("evaluate", "r", "more.csv", "--label", "stars")).out


@pytest.mark.parametrize(
    "options",
    [
        ("--cell", "rnn", "--activation", "tanh,relu", "--width", "5,3"),
        ("--fractions", "0.8,0.2,0", "--bidirectional", "--pooling", "mean"),
        ("--norm", "layer", "--residual", "--clip", "none", "--cell", "lstm"),
    ],
)
def test_options_reach_the_network(options: tuple[str, ...]) -> None:
    done(lamina("train", *REVIEWS, "--epochs", 1, "--width", 4, "--embedding", 4, *options))
    config = json.loads(Path("runs/reviews/config.json").read_text())
    told = {**config["task"]["data"], **config["model"]["options"], **config["training"]}
    text = {"none": None, "tanh,relu": ["tanh", "relu"], "5,3": [5, 3], "0.8,0.2,0": [0.8, 0.2, 0]}
    for at, option in enumerate(options):
        if option.startswith("--"):
            value = options[at + 1] if at + 1 < len(options) else "--"
            expected = True if value.startswith("--") else text.get(value, value)
            assert told[option[2:].replace("-", "_")] == expected


def test_a_part_without_rows_is_not_scored() -> None:
    outcome = done(lamina("train", *REVIEWS, *TINY, "--fractions", "0.8,0.2,0"))
    assert outcome.out == ""
    assert not Path("runs/reviews/test.json").exists()


def test_a_configuration_trains_what_the_options_would() -> None:
    done(lamina("train", *REVIEWS, *TINY, "--out", "a"))
    done(lamina("train", "--config", "a/config.json", "--out", "b"))
    assert weights("a") == weights("b")


def test_an_interrupted_training_ends_as_one_that_was_not(monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("train", *REVIEWS, *TINY, "--batch-size", 8, "--epochs", 3, "--dropout", 0.2)
    done(lamina(*options, "--out", "whole"))

    with monkeypatch.context() as patch:
        interrupt_at_a_step(patch, lambda meter: len(meter.step_ms) >= 8)
        outcome = lamina(*options, "--out", "cut")
    assert outcome.status == 130
    assert outcome.err.endswith("Resume with: lamina train --resume cut\n")
    assert RunFolder("cut").result() is None
    early = done(lamina("evaluate", "cut", "more.csv"))
    assert "note: the training of cut has not ended; go on with lamina train --resume" in early.err

    done(lamina("train", "--resume", "cut"))
    assert weights("cut") == weights("whole")
    assert Path("cut/test.json").read_bytes() == Path("whole/test.json").read_bytes()
    ended = done(lamina("train", "--resume", "cut"))
    assert "has ended" in ended.err


def test_an_interrupted_search_stops_at_once_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("depth", *REVIEWS, *TINY, "--depths", "1,2", "--seeds", 2, "--out", "s")

    with monkeypatch.context() as patch:  # in the midst of the second trial
        interrupt_at_a_step(patch, lambda _: len(list(Path("s/trials").glob("*/result.json"))) == 1)
        outcome = lamina(*options)
    assert outcome.status == 130
    assert outcome.err.splitlines()[-1].startswith("lamina: interrupted; s keeps what is done")
    assert "Traceback" not in outcome.err
    assert len(list(Path("s/trials").glob("*/result.json"))) == 1
    assert "1 of them done" in done(lamina(*options)).err


@pytest.mark.parametrize(("price", "answer"), [(0, "Use 2 layers."), (70, "Use 1 layer.")])
def test_a_layer_must_gain_its_price(monkeypatch, price: float, answer: str) -> None:
    """The second layer gains 60 points: more than the 20 asked for, less than these and 70."""

    def trained(job: Job, *_: object) -> Trial:
        value = (0.3, 0.9)[job.depth - 1] + 0.001 * job.seed
        return Trial(job, 1, value, 1, 1, 1, 1.0, 1.0, 1.0, ((1, value),))

    monkeypatch.setattr("lamina.depth.run.runners.serial.run_job", trained)
    shape = ("--depths", "1,2", "--seeds", 3, "--strategy", "grid", "--out", "s", *TINY)
    asked = ("--min-gain", 20, "--cost-per-layer", price)
    found = done(lamina("depth", *REVIEWS, *shape, *asked))
    assert answer in found.out
    if price:  # what it had to gain is told
        told = " ".join(found.out.split())
        assert "less than the 90 points that 1 more layer must gain" in told
    assert json.loads(Path("s/verdict.json").read_text())["search"]["cost_per_layer"] == price


@pytest.mark.parametrize("command", ["train", "depth"])
@pytest.mark.parametrize("task", TASKS)
def test_every_field_is_an_option_with_help(command: str, task: str) -> None:
    kind = TASKS[task]
    page = done(lamina(command, task, "--help")).out
    assert all(len(line) <= 80 for line in page.splitlines())
    told = re.sub(r"\s+", " ", page)
    set_by_search = {"depth", "seed"} if command == "depth" else set()
    for struct in (kind.Data, kind.Options, Settings):
        for field in msgspec.structs.fields(struct):
            if field.name == "source" or field.name in set_by_search:
                continue
            option = flag(field.name, field.default)
            assert re.search(rf" {option} (?:\S+ )?[\w]", told), option
    assert re.search(rf"Usage: lamina {command} {task} \[OPTIONS\] SOURCE(\.\.\.)?\n", page)
    for markup in ("`", ":data:", "20)", "None"):
        assert markup not in page


def test_the_first_page_names_every_command() -> None:
    page = done(lamina()).out
    commands = re.findall(r"^  ([a-z]+)  +[A-Z]", page, re.MULTILINE)
    assert commands == ["depth", "train", "evaluate", "predict", "generate", "demo", "doctor"]
    assert "..." not in page.partition("Commands:")[2]  # no line was cut
    for shown in (page, done(lamina("depth", "--help")).out):
        assert f"\n  {EXAMPLE}\n" in shown.replace("\n    ", "\n  ")
    for command in commands:
        assert lamina(command, "-h").out.startswith(f"Usage: lamina {command}")
    assert done(lamina("--version")).out == f"lamina {library.__version__}\n"


def test_the_demo_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    small = msgspec.structs.replace(demo.QUESTION, depths=(1, 2), seeds=1, width=4)
    monkeypatch.setattr(demo, "QUESTION", small)
    monkeypatch.setattr(demo, "SETTINGS", demo.SETTINGS.changed(epochs=1))
    shown = done(lamina("demo"))
    assert "lamina depth classify FILE" in shown.err
    assert shown.err.splitlines()[-1].split(maxsplit=1) == ["next", EXAMPLE]
    assert "Undecided between 1 and 2 layers." in shown.out
    model = r"\(depth 1, seed 0: the model in runs/demo\)"
    assert re.search(rf"test accuracy \d+\.\d\d% {model}", shown.out)
    assert Path("runs/demo/report.html").stat().st_size > 1000
    assert library.load("runs/demo").options.width == 4


def test_doctor_names_a_kernel_for_each_cell() -> None:
    out = done(lamina("doctor")).out
    assert re.findall(r"^(rnn|gru|lstm) +plain +(\w+)", out, re.MULTILINE)
    assert len(re.findall(r"^(?:rnn|gru|lstm) ", out, re.MULTILINE)) == 12


def test_the_program_itself(world: Path) -> None:
    """In a process of its own: what is piped on, the status, and nothing odd on stderr."""
    program = [sys.executable, "-m", "lamina"]
    bad = subprocess.run([*program, "evaluate", "nowhere", "more.csv"], capture_output=True)
    assert (bad.returncode, bad.stdout) == (2, b"")
    assert bad.stderr == (
        b"lamina: nowhere: no such folder; need the folder of a training run or a depth search.\n"
    )
    done(lamina("train", "language-model", "classic.txt", *TINY, "--out", "c"))
    words = ["generate", "c", "--prompt", "道", "--length", "3"]
    shown = subprocess.run(
        [*program, *words], capture_output=True, env={"PYTHONIOENCODING": "ascii"}
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(b"\\u9053")
