"""Options of the network that do nothing are refused; a search may vary what they need."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import lamina
from lamina.depth import search
from lamina.depth.tell.progress import SilentSearch
from lamina.spec import LaminaError
from lamina.tasks import Classify, Forecast, LanguageModel, Tag
from lamina.train import Settings


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    rows = [f"{word} film {n},{label}" for n in range(40) for word, label in BOTH]
    path.write_text("\n".join(["text,label", *rows]) + "\n")
    return path


BOTH = (("good", "pos"), ("bad", "neg"))


def test_options_that_need_another_are_refused(reviews: Path) -> None:
    task = Classify(reviews, text="text", label="label")
    with pytest.raises(LaminaError, match=r"kernel is 5, which has no effect without convolution="):
        task.model(kernel=5)
    task.model(kernel=5, convolution=8)
    with pytest.raises(LaminaError, match=r"forget_bias is 2\.0, .* on the cell gru"):
        task.model(cell="gru", forget_bias=2.0)
    task.model(cell="lstm", forget_bias=2.0)


def test_of_words_on_numbers() -> None:
    task = Classify("digits")
    with pytest.raises(LaminaError, match=r"word_dropout is 0\.1, .* on sequences of numbers"):
        task.model(word_dropout=0.1)


def test_segments_characters_and_cutoffs(tmp_path: Path) -> None:
    series = tmp_path / "s.csv"
    series.write_text("date,x\n" + "".join(f"{n},{n % 7}\n" for n in range(300)))
    with pytest.raises(LaminaError, match=r"segment is 7, .* with scheme='direct'"):
        Forecast(series, look_back=14, horizon=7).model(scheme="direct", segment=7)
    book = tmp_path / "book.txt"
    book.write_text("the time traveller and so on\n" * 400)
    with pytest.raises(LaminaError, match=r"cutoffs is .* without softmax='adaptive'"):
        LanguageModel(book).model(cutoffs=(10, 20))
    words = tmp_path / "words.conll"
    words.write_text("".join(f"a{n} X\nb{n} Y\n\n" for n in range(60)))
    with pytest.raises(LaminaError, match=r"character_width is 9, .* with characters='none'"):
        Tag(words).model(characters="none", character_width=9)


def test_on_the_command_line_the_option_is_named(reviews: Path) -> None:
    done = lamina("train", "classify", reviews, "--text", "text", "--label", "label", "--kernel", 5)
    assert done.status == 2
    assert done.err == (
        "lamina: --kernel is 5, which has no effect without --convolution; leave it out\n"
    )


def test_a_search_may_vary_what_an_option_needs(reviews: Path) -> None:
    task = Classify(reviews, text="text", label="label")
    asked = {
        "depths": (1,),
        "seeds": 1,
        "settings": Settings(epochs=1, threads=1),
        "progress": SilentSearch(),
        "width": 4,
        "kernel": 5,
    }
    with pytest.raises(LaminaError, match=r"kernel is 5, which has no effect"):
        search(task, **asked)
    verdict = search(task, vary={"convolution": (4, 6)}, **asked)
    assert {dict(trial.job.changes)["convolution"] for trial in verdict.tried} == {4, 6}
