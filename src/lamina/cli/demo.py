"""``lamina demo``: the main job on data that arrives with scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lamina.cli.depth import run
from lamina.cli.help import EXAMPLE
from lamina.cli.show import note
from lamina.tasks import Classify
from lamina.train import Settings


def demo(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The search's folder.")] = Path(
        "runs/demo"
    ),
) -> None:
    """A search on 1,797 handwritten digits, each a sequence."""
    note(
        "1,797 handwritten digits, read row by row: how deep should a network be that tells them "
        "apart?\nThe same with a file of yours: lamina depth classify FILE --text COLUMN --label "
        "COLUMN\n"
    )
    run(
        Classify("digits", fractions=(0.6, 0.2, 0.2), batch_size=32),
        out,
        depths=(1, 2, 3, 4),
        seeds=8,
        strategy="grid",  # a whole table
        width=32,
        cell="rnn",
        # Tensors this small gain nothing from a second thread.
        settings=Settings(epochs=20, lr=5e-3, schedule="cosine", threads=1),
        next=EXAMPLE,
    )
