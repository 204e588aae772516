"""Bad input: one line on stderr, status 2, and nothing on the disk created or changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from command_line import TINY, lamina, tree, write_data

TEXT = ("--text", "review", "--label", "sentiment")
CLASSIFY = ("train", "classify")
BOOK = ("train", "language-model", "book.txt")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and three runs: ``texts``, ``numbers``, ``letters``."""
    folder = tmp_path_factory.mktemp("trained")
    write_data(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in (
            (*CLASSIFY, "reviews.csv", *TEXT, "--out", "texts"),
            (*BOOK, "--out", "letters"),
        ):
            assert lamina(*words, *TINY).status == 0
        numbers = ("sensors.csv", "--id", "run", "--label", "state", "--out", "numbers")
        assert lamina(*CLASSIFY, *numbers, "--width", 4, "--epochs", 1).status == 0
    return folder


@pytest.fixture
def world(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with data and runs in it."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*words: object, stdin: bytes = b"") -> str:
    """The one line that a command leaves; nothing else may have happened."""
    before = tree(Path())
    outcome = lamina(*words, stdin=stdin)
    assert outcome.status == 2, outcome
    assert outcome.out == ""
    assert outcome.err.count("\n") == 1, outcome.err
    assert outcome.err.startswith("lamina: ")
    assert outcome.err.endswith("\n")
    assert tree(Path()) == before
    return outcome.err


#: name -> the file's bytes, what reads it, and a phrase of the line.
TABLES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "bad.csv: the file is empty"),
    "blank": (b"\n\n \n", "bad.csv"),
    "header only": (b"review,sentiment\n", "bad.csv: got a header and no rows"),
    "wrong column": (b"text,sentiment\na,b\n", "bad.csv:1: no column 'review'"),
    "near column": (b"reviews,sentiment\na,b\n", "Did you mean 'reviews'?"),
    "two encodings": (
        b"review,sentiment\nol\xc3\xa9,a\nol\xe9,b\n",
        "bad.csv:3: is not UTF-8, though",
    ),
    "any encoding": (
        "review,sentiment\nкот,b\n".encode("cp1251"),
        "Name the encoding: --encoding ",
    ),
    "binary": (b"review,sentiment\na\0b,good\n", "bad.csv:2: got a zero byte"),
    "one class": (b"review,sentiment\na,x\nb,x\nc,x\n", 'got one class "x"'),
    "two rows": (b"review,sentiment\na,x\nb,y\n", "Bring more rows"),
    "short row": (b"review,sentiment\na,x\nb\n", "bad.csv:3: got 1 field;"),
    "open quote": (b'review,sentiment\n"a,x\nb,y\n', "bad.csv:2: a broken row"),
    "no label": (b"review,sentiment\na,x\nb,\n", "bad.csv:3: column 'sentiment' is empty"),
    "no text": (b"review,sentiment\na,x\n ,y\n", "bad.csv:3: column 'review' is empty"),
}

SERIES: dict[str, tuple[bytes, str]] = {
    "nan": (b"run,heat,state\n1,2,up\n1,nan,up\n", "bad.csv:3: feature 'heat' is 'nan'"),
    "infinite": (b"run,heat,state\n1,2,up\n1,inf,up\n", "bad.csv:3: feature 'heat' is 'inf'"),
    "missing": (b"run,heat,state\n1,2,up\n1,,up\n", "bad.csv:3: feature 'heat' is 'missing'"),
    "no number": (b"run,heat,state\n1,a,up\n", "no column of numbers"),
    "two labels": (b"run,heat,state\n1,2,up\n1,3,down\n", "bad.csv:3: label 'down', but id '1'"),
    "no steps": (b"run,heat,state\n", "got a header and no rows"),
}


@pytest.mark.parametrize("command", ["train", "depth"])
@pytest.mark.parametrize("case", TABLES)
def test_tables_of_texts(world: Path, command: str, case: str) -> None:
    content, phrase = TABLES[case]
    Path("bad.csv").write_bytes(content)
    assert phrase in refused(command, "classify", "bad.csv", *TEXT)


@pytest.mark.parametrize("command", ["train", "depth"])
@pytest.mark.parametrize("case", SERIES)
def test_tables_of_numbers(world: Path, command: str, case: str) -> None:
    content, phrase = SERIES[case]
    Path("bad.csv").write_bytes(content)
    assert phrase in refused(command, "classify", "bad.csv", "--id", "run", "--label", "state")


@pytest.mark.parametrize("command", ["train", "depth"])
@pytest.mark.parametrize(
    ("content", "phrase"),
    [
        (b"", "the file is empty"),
        (b" \n \n", "white space only"),
        (b"ab", "Bring a longer text"),
        ("déjà vu\n".encode() * 50 + b"caf\xe9 au lait", "51: is not UTF-8, though"),
    ],
)
def test_books(world: Path, command: str, content: bytes, phrase: str) -> None:
    Path("bad.txt").write_bytes(content)
    assert phrase in refused(command, "language-model", "bad.txt")


REVIEWS = (*CLASSIFY, "reviews.csv", *TEXT)
#: What was typed, and a phrase of the line.
TYPED: list[tuple[tuple[object, ...], str]] = [
    # sources
    ((*CLASSIFY, "nowhere.csv", *TEXT), "nowhere.csv: no such file"),
    ((*CLASSIFY, ".", *TEXT), "got suffix ''"),
    ((*CLASSIFY, "book.txt", *TEXT), "book.txt: got suffix '.txt'"),
    ((*CLASSIFY, "reviews.csv"), "the columns are 'review', 'sentiment', 'stars'"),
    (("depth", "classify", "reviews.csv"), "reviews.csv: need --text COLUMN (texts) or --id"),
    ((*CLASSIFY, "reviews.csv", "--text", "review"), "no column 'label' (--label)"),
    ((*REVIEWS, "--id", "stars"), "need --text COLUMN (texts) or --id"),
    (("train", "language-model", "texts"), "texts: got a folder; need a file"),
    (("depth", "classify", "nowhere.csv", *TEXT), "nowhere.csv: no such file"),
    # options
    ((*REVIEWS, "--epochs", "many"), "--epochs is 'many'; need INT"),
    ((*REVIEWS, "--epochs", "0"), "epochs is 0; need"),
    ((*REVIEWS, "--epochs", "1.5"), "--epochs is '1.5'; need INT"),
    ((*REVIEWS, "--lr", "nan"), "--lr is nan; need"),
    ((*REVIEWS, "--lr", "-1"), "lr is -1.0; need"),
    ((*REVIEWS, "--dropout", "1"), "dropout is 1.0; need"),
    ((*REVIEWS, "--width", "0"), "width is 0; need"),
    ((*REVIEWS, "--width", "9" * 30), "--width is 999"),
    ((*REVIEWS, "--width", "64,32,16"), "width has 3 entries, depth is 2"),
    ((*REVIEWS, "--width", "64,many"), "--width is '64,many'; need INT[,...]"),
    ((*REVIEWS, "--cell", "elman"), "--cell is 'elman'; need"),
    ((*REVIEWS, "--activation", "tanh,relu"), "activation is 'relu'; cell 'gru' needs tanh"),
    ((*REVIEWS, "--fractions", "0.8,0.2"), "--fractions is '0.8,0.2'; need FLOAT,FLOAT,FLOAT"),
    ((*REVIEWS, "--fractions", "0.8,0.3,-0.1"), "got fractions"),
    ((*REVIEWS, "--fractions", "0,0,0"), "got fractions"),
    ((*REVIEWS, "--batch-size", "0"), "--batch-size is 0; need at least 1"),
    ((*REVIEWS, "--clip", "0"), "--clip is 0.0; need a finite number above 0 or none\n"),
    ((*REVIEWS, "--threads", "0"), "--threads is 0; need 1 to 1,024"),
    ((*REVIEWS, "--precision", "bf16", "--device", "cpu"), "runs on CUDA only"),
    ((*REVIEWS, "--device", "tpu"), "--device is 'tpu'; need"),
    ((*REVIEWS, "--momentum", "0.9"), "momentum is 0.9 with adam"),
    ((*REVIEWS, "--widht", "3"), "--widht"),
    ((*REVIEWS, "--epochs"), "--epochs"),
    ((*REVIEWS, "surplus"), "surplus"),
    ((*BOOK, "--bidirectional"), "read its own answer"),
    ((*BOOK, "--steps", "0"), "steps is 0; need"),
    ((*BOOK, "--batch-size", "100000"), "Lower --batch-size"),
    (CLASSIFY, "SOURCE"),
    (("train",), "got no task"),
    (("depth",), "lamina depth --help"),
    (("deep",), "No such command 'deep'"),
    (("train", "--out", "x", *CLASSIFY[1:], "reviews.csv", *TEXT), "got --out before classify"),
    # searches
    (("depth", "classify", "reviews.csv", *TEXT, "--depths", "5-1"), "got '5-1' for depths"),
    (("depth", "classify", "reviews.csv", *TEXT, "--depths", "0"), "got '0' for depths"),
    (("depth", "classify", "reviews.csv", *TEXT, "--seeds", "0"), "--seeds is 0; need at least 1"),
    (("depth", "classify", "reviews.csv", *TEXT, "--trials", "0"), "--trials is 0"),
    (("depth", "classify", "reviews.csv", *TEXT, "--strategy", "luck"), "need one of grid,"),
    (("depth", "classify", "reviews.csv", *TEXT, "--vary", "lr"), "write it like lr=0.001,0.003"),
    (("depth", "classify", "reviews.csv", *TEXT, "--vary", "size=1,2"), "got 'size' to vary"),
    (("depth", "classify", "reviews.csv", *TEXT, "--vary", "lr=1e-4:1e-2"), "'lr' is a range"),
    (("depth", "classify", "reviews.csv", *TEXT, "--vary", "dropout=0,2"), "dropout is 2"),
    (
        (*("depth", "classify", "reviews.csv", *TEXT), "--strategy", "rules", "--vary", "lr=0.1,1"),
        "strategy 'rules' tries nothing but depths",
    ),
    (("depth", "classify", "reviews.csv", *TEXT, "--min-gain", "nan"), "--min-gain is nan"),
    (("depth", "classify", "reviews.csv", *TEXT, "--parameters", "lots"), "got 'lots' for a count"),
    (("depth", "classify", "reviews.csv", *TEXT, "--depths="), "got '' for depths; write them"),
    (("depth", "classify", "reviews.csv", *TEXT, "--budget="), "got '' for a time; write it like"),
    (("depth", "classify", "reviews.csv", *TEXT, "--parameters="), "got '' for a count; write it"),
    (("depth", "classify", "reviews.csv", *TEXT, "--vary="), "got '' for what varies; write it"),
    (("depth", "classify", "reviews.csv", *TEXT, "--parameters", "10"), "as the budget"),
    (
        ("depth", "classify", "reviews.csv", *TEXT, "--width", "4,4"),
        "width is (4, 4); need a whole number",
    ),
    (
        ("depth", "classify", "reviews.csv", *TEXT, "--width", "4", "--parameters", "9k"),
        "give one of them",
    ),
    # folders
    (
        (*REVIEWS, "--out", "texts"),
        "texts: already holds a run; resume it with lamina train --resume texts",
    ),
    ((*REVIEWS, "--out", "book.txt"), "book.txt: cannot become a run folder"),
    ((*REVIEWS, "--out", "book.txt/run"), "book.txt/run: cannot become a run folder"),
    ((*REVIEWS, "--out", "."), ".: is not empty"),
    (("depth", *REVIEWS[1:], "--out", "texts"), "texts: is not empty"),
    (("depth", *REVIEWS[1:], "--out", "book.txt"), "book.txt: is not empty"),
    (("depth", *REVIEWS[1:], "--out", "book.txt/s"), "book.txt/s: cannot be made: Not a directory"),
    (("train", "--resume", "texts", "--threads", "1"), "No such option: --threads. See: lamina"),
    (("train", "--resume", "nowhere"), "nowhere: no such folder"),
    (("train", "--resume", "book.txt"), "book.txt: not a run folder"),
    (("train", "--resume", "."), ".: not a run folder (no config.json)"),
    (("train", "--resume", "texts", "--out", "x"), "--resume takes everything from the run"),
    (("train", "--config", "nowhere.json"), "nowhere.json: cannot be read"),
    (("train", "--config", "."), ".: cannot be read: Is a directory"),
    (("train", "--config", "book.txt"), "book.txt: is not a configuration"),
    # using runs
    (("evaluate", "nowhere", "more.csv"), "nowhere: no such folder"),
    (("evaluate", "texts", "nowhere.csv"), "nowhere.csv: no such file"),
    (("evaluate", "texts", "sensors.csv"), "sensors.csv:1: no column 'review'"),
    (("evaluate", "texts", "more.csv", "--label", "stars"), "more.csv:2: label '0' was not seen"),
    (("evaluate", "numbers", "reviews.csv"), "reviews.csv:1: no column 'run'"),
    (("evaluate", "letters", "."), "got a folder"),
    (
        ("evaluate", "letters", "book.txt", "--label", "x"),
        "letters: holds a language-model model, which takes no --label; leave it out",
    ),
    (
        ("evaluate", "texts", "more.csv", "--mask", "x"),
        "texts: holds a classify model, which takes no --mask; leave it out",
    ),
    (("predict", "texts", ""), "example 1: nothing is left of this text with --normalize lower"),
    (("predict", "texts", "a", "--file", "new.csv"), "need one of the two"),
    (("predict", "texts", "--file", "nowhere.csv"), "nowhere.csv: no such file"),
    (("predict", "texts"), "stdin: got no text"),
    (("predict", "numbers", "1 2 3"), "lamina predict numbers --file FILE"),
    (("predict", "numbers", "--file", "new.csv"), "new.csv:1: no column"),
    (("generate", "texts", "--prompt", "a"), "need a language model"),
    (("generate", "letters", "--prompt", ""), "need at least one token"),
    (("generate", "letters"), "--prompt"),
    (("generate", "letters", "--prompt", "a", "--seed", "9" * 20), "--seed is 9999"),
    (("generate", "letters", "--prompt", "a", "--temperature", "-1"), "--temperature is -1.0"),
    (
        ("generate", "letters", "--prompt", "a", "--temperature", "nan"),
        "--temperature is nan; need a finite number of at least 0",
    ),
    (
        ("generate", "letters", "--prompt", "a", "--top-k", "0"),
        "--top-k is 0; need at least 1 or none",
    ),
    (("generate", "letters", "--prompt", "a", "--length", "-1"), "--length is -1"),
]


@pytest.mark.parametrize(("words", "phrase"), TYPED, ids=lambda v: v if isinstance(v, str) else "")
def test_what_was_typed(world: Path, words: tuple[object, ...], phrase: str) -> None:
    assert phrase in refused(*words)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there(world: Path) -> None:
    assert "torch sees no GPU" in refused(*REVIEWS, "--device", "cuda")


@pytest.mark.parametrize(
    ("stdin", "phrase"),
    [(b"", "stdin: got no text"), (b"a\n\nb\n", "stdin:2: is blank"), (b"a\n\xff\n", "stdin:2")],
)
def test_what_was_piped(world: Path, stdin: bytes, phrase: str) -> None:
    assert phrase in refused("predict", "texts", stdin=stdin)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("[]", "is not a configuration"),
        ("{", "is not a configuration"),
        ("{}", "bad.json: has no object 'task'"),
        ('{"task": {}, "model": {"options": {}}, "training": {}}', "no task None"),
        ('{"task": {"name": "classify"}, "model": {}, "training": {}}', "no object 'options'"),
        (
            '{"task": {"name": "classify"}, "model": {"options": {"dept": 2}}, "training": {}}',
            "did you mean 'depth'?",
        ),
        (
            '{"task": {"name": "classify"}, "model": {"options": {}}, "training": {"epochs": "a"}}',
            "epochs",
        ),
        (
            '{"task": {"name": "classify"}, "model": {"options": {}}, "training": {}}',
            "bad.json: has no data with a source",
        ),
    ],
)
def test_configurations(world: Path, text: str, phrase: str) -> None:
    Path("bad.json").write_text(text)
    assert phrase in refused("train", "--config", "bad.json", "--out", "x")


def remove_weights() -> None:
    Path("texts/weights.safetensors").unlink()


def cut_weights() -> None:
    file = Path("texts/weights.safetensors")
    file.write_bytes(file.read_bytes()[:-1])


def flip_one_weight() -> None:
    file = Path("texts/weights.safetensors")
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def other_weights() -> None:
    shutil.copy("numbers/weights.safetensors", "texts/weights.safetensors")


def other_vocabulary() -> None:
    shutil.copy("letters/vocabulary.json", "texts/vocabulary.json")


def no_vocabulary() -> None:
    Path("texts/vocabulary.json").unlink()


def other_labels() -> None:
    file = Path("texts/config.json")
    file.write_text(file.read_text().replace('"good"', '"best"'))


def other_format() -> None:
    file = Path("texts/config.json")
    file.write_text(file.read_text().replace('"format": 1', '"format": 99'))


def weights_are_a_folder() -> None:
    remove_weights()
    Path("texts/weights.safetensors").mkdir()


@pytest.mark.parametrize(
    ("damage", "phrase"),
    [
        (remove_weights, "texts: has no weights.safetensors"),
        (cut_weights, "weights.safetensors: is not a whole safetensors file"),
        (flip_one_weight, "weights.safetensors: was changed after it was written"),
        (other_weights, "belongs to another run"),
        (other_vocabulary, "vocabulary.json: was changed after training"),
        (no_vocabulary, "vocabulary.json: cannot be read"),
        (other_labels, "config.json: was changed after training"),
        (other_format, "this lamina reads format 1"),
        (weights_are_a_folder, "weights.safetensors: cannot be read"),
    ],
)
def test_damaged_runs(world: Path, damage: Callable[[], None], phrase: str) -> None:
    damage()
    assert phrase in refused("predict", "texts", "a film")
    assert phrase in refused("evaluate", "texts", "more.csv")


def test_a_folder_that_holds_a_search(world: Path) -> None:
    Path("s").mkdir()
    Path("s/search.json").write_text("{}")
    assert "s: holds a search; give another folder with --out" in refused(*REVIEWS, "--out", "s")


def test_data_that_changed_under_a_run(world: Path) -> None:
    Path("texts/result.json").unlink()
    Path("reviews.csv").write_text(Path("reviews.csv").read_text().replace("warm", "cool"))
    assert "reviews.csv: has changed since the run began" in refused("train", "--resume", "texts")
