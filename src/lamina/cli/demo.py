"""``lamina demo``: a depth search on data that comes with scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lamina.cli.depth import run
from lamina.cli.help import EXAMPLE
from lamina.cli.show import note
from lamina.depth import Question
from lamina.tasks import Classify
from lamina.train import Settings

#: A whole table of four depths.
QUESTION = Question(depths=(1, 2, 3, 4), seeds=8, strategy="grid", width=32, cell="rnn")
#: Tensors this small gain nothing from a second thread.
SETTINGS = Settings(epochs=20, lr=5e-3, schedule="cosine", threads=1)


def demo(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The search's folder.")] = Path(
        "runs/demo"
    ),
) -> None:
    """Search for the depth of a classifier of handwritten digits."""
    note(
        "1,797 handwritten digits, read row by row: how deep should a network be to tell them "
        "apart?\nThe same for a file of yours: lamina depth classify FILE --text COLUMN --label "
        "COLUMN\n"
    )
    task = Classify("digits", fractions=(0.6, 0.2, 0.2), batch_size=32)
    run(task, QUESTION, out, settings=SETTINGS, next=EXAMPLE)
