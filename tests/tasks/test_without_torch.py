"""What is around a trained network works in a process that cannot import torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import lamina.tasks
from lamina.tasks import Classify, load
from lamina.train import Silent, fit

#: Run first in such a process.
FORBID = """
import sys

class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, Forbid())
"""


def without_torch(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", FORBID + code, *words], capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small classifier of texts, and ``more.csv``, a file without labels."""
    folder = tmp_path_factory.mktemp("run")
    rows = [f"{('good', 'bad')[i % 2]} film {i},{('up', 'down')[i % 2]}" for i in range(40)]
    (folder / "r.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    (folder / "more.csv").write_text("text\na good film\nso bad\n")
    task = Classify(folder / "r.csv", text="text", min_count=1, batch_size=8)
    torch.manual_seed(0)
    model = task.model(depth=1, width=4, embedding=4)
    fit(model, task, epochs=1, out=folder / "run", progress=Silent())
    return folder


def test_a_classifier_reads_encodes_and_decodes(run: Path) -> None:
    model = load(run / "run")
    texts = list(model.read(run / "more.csv"))
    arrays = model.processor.encode(texts)
    with model.evaluating():
        scores = torch.cat([model(torch.from_numpy(a)[:, None]) for a in arrays]).numpy()
    found = without_torch(
        """
import json
import numpy as np
from lamina.tasks import load_processor

run, file, scores = sys.argv[1:]
processor = load_processor(run)
texts, names = processor.read_labelled(file)
encoded = [array.tolist() for array in processor.encode(texts)]
answers = processor.decode(np.array(json.loads(scores), np.float32))
assert not any(name.split(".")[0] == "torch" for name in sys.modules)
print(json.dumps([texts, names, encoded, answers]))
""",
        str(run / "run"),
        str(run / "more.csv"),
        json.dumps(scores.tolist()),
    )
    assert found.returncode == 0, found.stderr
    read, names, encoded, answers = json.loads(found.stdout)
    assert read == texts == ["a good film", "so bad"]
    assert [name["place"].rpartition(":")[2] for name in names] == ["2", "3"]
    assert encoded == [array.tolist() for array in arrays]
    for answer, need in zip(answers, model.answers(texts), strict=True):
        assert answer["label"] == need["label"]
        assert answer["probability"] == pytest.approx(need["probability"], rel=1e-6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["good film"], "the network runs on torch, which is not installed"),
        (["good film", " "], "example 2: nothing is left of this text"),
    ],
)
def test_predict_goes_as_far_as_the_network(run: Path, words: list[str], message: str) -> None:
    """What is wrong with the input is said first."""
    code = "from lamina.cli.main import main\nsys.argv[0] = 'lamina'\nsys.exit(main())"
    found = without_torch(code, "predict", str(run / "run"), *words)
    assert (found.returncode, found.stdout) == (2, "")
    assert message in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1


def test_what_surrounds_a_network_imports_no_torch() -> None:
    root = Path(lamina.tasks.__file__).parent
    modules = [
        *(
            f"{path.parent.name}.{path.stem}"
            for part in ("data", "inputs", "processor")
            for path in sorted(root.glob(f"*/{part}.py"))
        ),
        *(f"decode.{name}" for name in ("beam", "ctc")),
        *(f"scores.{path.stem}" for path in sorted(root.glob("scores/*.py"))),
        "base",
    ]
    found = without_torch("\n".join(f"import lamina.tasks.{module}" for module in modules))
    assert found.returncode == 0, found.stderr[-300:]


@pytest.mark.parametrize("words", [["train"], ["depth", "classify", "--help"], ["demo"]])
def test_a_command_that_trains_says_what_is_missing(words: list[str]) -> None:
    code = "from lamina.cli.main import main\nsys.exit(main())"
    found = without_torch(code, *words)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == (
        "lamina: the network runs on torch, which is not installed. Install it: pip install torch\n"
    )


def test_the_probabilities_are_those_of_torch() -> None:
    from lamina.tasks.classify.labels import ManyLabels, OneLabel

    scores = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32) * 9
    given = torch.from_numpy(scores)
    one, many = OneLabel(list("abcde")), ManyLabels(list("abcde"), ";")
    for made, need in (
        (one.probabilities(scores), torch.softmax(given, 1)),
        (many.probabilities(scores), torch.sigmoid(given)),
    ):
        assert made.dtype == np.float32
        np.testing.assert_allclose(made, need.numpy(), rtol=1e-5, atol=1e-30)
