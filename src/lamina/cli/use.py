"""Commands that use a run: ``evaluate``, ``predict``, ``generate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lamina.cli.show import show_test
from lamina.spec import LaminaError
from lamina.tasks import LanguageNetwork, load, task_class
from lamina.train import evaluate as score

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or a search's.")]


def evaluate(
    run: Run,
    data: Annotated[str, typer.Argument(help="A file of the kind that the run was trained on.")],
    label: Annotated[
        str | None, typer.Option(help="The label's column.  [default: as in training]")
    ] = None,
) -> None:
    """Score a trained model on a file."""
    model = load(run)
    columns = {} if label is None else {"label": label}
    task = task_class(model.task).for_model(model, data, **columns)
    show_test(task.metric, score(model, task, "test"))


def predict(
    run: Run,
    inputs: Annotated[
        list[str] | None, typer.Argument(help="Texts; a line each from stdin if there is none.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A file with the inputs.")] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """The model's answer to each input."""
    model = load(run)
    if file is not None:
        examples = model.read(file)  # type: ignore[operator]
    else:
        examples = inputs or [line.rstrip("\n") for line in typer.get_text_stream("stdin")]
    for answer in model.answers(examples):  # type: ignore[operator]
        if json_lines:
            print(json.dumps(answer, ensure_ascii=False))
        else:
            first, *rest = answer.values()
            print("\t".join([str(first), *(f"{value:.4f}" for value in rest)]))


def generate(
    run: Run,
    prompt: Annotated[str, typer.Option(help="How the text begins.")],
    length: Annotated[int, typer.Option(help="Tokens to add.")] = 200,
    temperature: Annotated[
        float, typer.Option(help="Below 1: safer; above 1: wilder; 0: the most probable token.")
    ] = 0.8,
    top_k: Annotated[int | None, typer.Option(help="Draw among the k most probable only.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
) -> None:
    """Text from a language model, after a prompt."""
    model = load(run)
    if not isinstance(model, LanguageNetwork):
        raise LaminaError(f"is a run of {model.task}; need one of language-model", place=str(run))
    print(model.generate(prompt, length, temperature=temperature, top_k=top_k, seed=seed))
