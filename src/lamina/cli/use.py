"""Commands that use a run: ``evaluate``, ``predict``, ``generate``."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from lamina.cli.main import loading
from lamina.cli.show import note, shell, show_test
from lamina.spec import TYPED_TEXT, Generates, LaminaError, Tabular
from lamina.spec.answers import shown
from lamina.store import RunFolder

Encoding = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Encoding of the file.  [default: UTF-8, or that of the training data]",
    ),
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run or of a depth search.")]


def evaluate(
    run: Run,
    data: Annotated[
        str,
        typer.Argument(metavar="FILE", help="File in the format of the training data."),
    ],
    label: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Column of the labels, or a FASTA file of labels.  [default: as in training]",
        ),
    ] = None,
    mask: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="FASTA file that marks the residues to score."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Column of the numbers to predict, or a file of reference translations.",
        ),
    ] = None,
    encoding: Encoding = None,
) -> None:
    """Score a trained model on a file."""
    model = _load(run)
    from lamina.tasks import task_class
    from lamina.train import evaluate as score

    given = {"label": label, "target": target, "mask": mask, "encoding": encoding}
    fields = {name: value for name, value in given.items() if value is not None}
    kind = task_class(model.task)
    for name in fields:
        if name not in kind.Data.__struct_fields__:
            raise LaminaError(
                f"holds a {model.task} model, which takes no --{name}; leave it out",
                place=str(run),
            )
    task = kind.for_model(model, data, **fields)
    _note_known(run, task.fingerprints.values())
    show_test(task, score(model, task, "test"))


def _note_known(run: Path, read: Iterable[str]) -> None:
    """Note that a file which is scored, by its fingerprint, is one that training has read, and not
    as its test part."""
    about = RunFolder.open(run).config()["task"]
    data, files = about.get("data"), about.get("fingerprints")
    if not isinstance(data, dict) or not isinstance(files, dict):
        return
    for path, known in files.items():
        if known in read and path != data.get("test"):
            note(
                f"lamina: note: the model was trained on this file ({path}), so its score here "
                "says little about new data; the score of the test part was printed after training"
            )


def _load(run: Path, *, need_network: bool = True) -> Any:
    """The model of a run, or, where torch is missing and no network is needed, the rest of it."""
    torch = _has_torch()  # a Ctrl-C while it loads is safe there
    from lamina.tasks import load, load_processor

    model = load(run) if torch or need_network else load_processor(run)
    if RunFolder(run).checkpoint_file.exists():
        again = shell("train", "--resume", run)
        note(f"lamina: note: the training of {run} has not ended; go on with {again}")
    return model


def predict(
    run: Run,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT|FILE",
            help="Texts, or a file; if none are given, or -, the lines of stdin.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read examples from a file; it needs no labels."),
    ] = None,
    json_lines: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
    encoding: Encoding = None,
) -> None:
    """Print a model's answer to each text or example.

    With --file, each answer comes with the line of its text or the id of its sequence. Forecasts
    are printed as the rows that follow the end of the file.
    """
    model = _load(run, need_network=False)
    from lamina.data.read.decoding import decoding

    if inputs == ["-"]:
        inputs = None  # the usual sign for stdin
    if file is None and inputs and (named := _named_file(model, inputs)):
        file, inputs = named, None

    with decoding(encoding, stored=model.encoding):
        if file is not None:
            if inputs:
                raise LaminaError(f"got texts and --file {file}; need one of the two")
            if isinstance(model, Tabular):
                _print_table(model.table(file), json_lines)
                return
            examples, names = model.read_labelled(file)
        elif model.typed is None:
            raise LaminaError(
                f"reads numbers, not text; need a file: {shell('predict', run, '--file', 'FILE')}",
                place=str(run),
            )
        else:
            if inputs and encoding is not None:
                raise LaminaError("--encoding has no effect on texts that are typed; leave it out")
            examples = inputs or _lines_of_stdin()
            names = [model.label(example) for example in examples]
    for name, example, answer in zip(names, examples, model.answers(examples), strict=True):
        if json_lines:
            print(json.dumps({**name, **answer}, ensure_ascii=False))
        else:
            ids, places = ([shown(name[key])] if key in name else [] for key in ("id", "place"))
            print("\t".join([*ids, model.show(example, answer), *places]))


def _named_file(model: Any, words: list[str]) -> Path | None:
    """The file that is meant by the only word, if it is one that the model's examples may lie in;
    recordings are examples themselves."""
    from lamina.data.read.registry import TABLES

    if len(words) != 1:
        return None
    if not os.path.isfile(words[0]):  # Path.is_file fails on long texts
        suffixes = "|".join(map(re.escape, (*TABLES.suffixes, ".txt")))
        if model.typed == TYPED_TEXT and re.fullmatch(rf"\S+({suffixes})(\.gz)?", words[0]):
            note(f"lamina: note: {words[0]} does not exist; it is read as a text")
        return None
    if model.typed == TYPED_TEXT:
        note(f"lamina: note: {words[0]} is read as a file")
    elif model.typed is not None and not TABLES.holds(words[0]):
        return None
    return Path(words[0])


def _has_torch() -> bool:
    """Whether torch is installed; it is then loaded."""
    with loading():
        try:
            import torch  # noqa: F401
        except ImportError:
            return False
    return True


def _print_table(rows: Iterable[dict[str, Any]], json_lines: bool) -> None:
    """CSV with a header, or one JSON object a line."""
    table = csv.writer(sys.stdout, lineterminator="\n")
    for number, row in enumerate(rows):
        if json_lines:
            print(json.dumps(row, ensure_ascii=False))
            continue
        if number == 0:
            table.writerow(row)
        table.writerow(row.values())


def _lines_of_stdin() -> list[str]:
    from lamina.data.read.decoding import decoded
    from lamina.data.read.files import lines

    if sys.stdin.isatty():
        note("Type one text per line; end with Ctrl-D.")
    content = sys.stdin.buffer.read()
    typed = lines("".join(decoded(lambda: iter([content]), "stdin"))) if content else []
    count = len(typed)
    while typed and not typed[-1].strip():
        typed.pop()
    if typed and (blank := count - len(typed)):
        note(f"lamina: note: stdin ends with {blank} blank line{'s' * (blank > 1)}, left out")
    if not typed:
        raise LaminaError("got no text; need one per line, or texts as arguments", place="stdin")
    for number, line in enumerate(typed, start=1):
        if not line.strip():
            raise LaminaError("is blank; need a text on each line", place=f"stdin:{number}")
    return typed


def generate(
    run: Run,
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="Text to continue.")],
    length: Annotated[int, typer.Option(metavar="INT", help="Tokens to generate.")] = 200,
    temperature: Annotated[
        float,
        typer.Option(
            metavar="FLOAT",
            help="Sampling temperature: lower is safer, higher more varied, 0 always picks the "
            "likeliest token.",
        ),
    ] = 0.8,
    top_k: Annotated[
        int | None,
        typer.Option(metavar="INT", help="Sample only from this many likeliest tokens."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="INT", help="Random seed for sampling.")] = 0,
) -> None:
    """Continue a text with a language model."""
    model = _load(run)
    if not isinstance(model, Generates):
        raise LaminaError(f"holds a {model.task} model; need a language model", place=str(run))
    print(model.generate(prompt, length, temperature=temperature, top_k=top_k, seed=seed))
