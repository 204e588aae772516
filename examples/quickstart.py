"""lamina from Python: find a depth, train, predict, load. Run: python examples/quickstart.py

The data are 1,797 handwritten digits of 8 by 8 pixels that come with scikit-learn, each read row by
row. For your own file, change the first line to, for instance,
``Classify("reviews.csv", text="review", label="sentiment")``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import lamina


def main(out: Path, epochs: int = 8, seeds: int = 2) -> None:
    """Run every step once; results are saved in the folder ``out``."""
    task = lamina.tasks.Classify("digits", fractions=(0.6, 0.2, 0.2))

    # How deep should it be? Each depth is trained with up to `seeds` seeds until that is clear.
    settings = lamina.train.Settings(epochs=epochs, lr=3e-3, threads=1)
    verdict = lamina.depth.search(
        task,
        depths=(1, 2, 3),
        seeds=seeds,
        cell="rnn",
        width=32,
        settings=settings,
        out=out / "search",
    )
    print(verdict.headline)

    # One training run with settings of your choice.
    model = task.model(cell="gru", depth=2, width=48)
    result = lamina.train.fit(model, task, settings, out=out / "gru")
    scores = lamina.train.evaluate(model, task, "test")
    print(f"{result.parameters:,} parameters, test accuracy {scores['accuracy']:.1%}")

    # The model predicts from arrays (T, I), or from texts if it was trained on texts.
    test = task.parts["test"]
    images, digits = test.values[:8], (test.answers or [])[:8]
    print("digits ", *digits)
    print("answers", *model.predict(images))

    # The run folder contains everything needed to use the model elsewhere; so does a search folder.
    for name in ("gru", "search"):
        again = lamina.load(out / name)
        print(f"from {name}:", *again.predict(images))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
