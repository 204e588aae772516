"""Everything that reads data works in a process where torch cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import importlib, sys

sys.modules["torch"] = None  # importing it raises ImportError

for package in ("cache", "corpora", "prepare", "read", "speech", "text", "time"):
    found = importlib.import_module("lamina.data." + package)
    for file in __import__("pathlib").Path(found.__path__[0]).rglob("*.py"):
        inside = file.relative_to(found.__path__[0]).with_suffix("").parts
        importlib.import_module(".".join((found.__name__, *inside)).removesuffix(".__init__"))

import lamina.data
table = lamina.data.read_text_table(sys.argv[1], text="text", label="label")
vocabulary = lamina.data.Vocabulary.build(table.texts, level="word", max_size=9, min_count=1)
print(table.labels, len(vocabulary.encode("good film")))
"""


def test_data_is_read_and_encoded_without_torch(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\ngood film,1\nbad film,0\n")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "a.csv")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "['1', '0'] 2\n"), done.stderr


def test_batches_load_torch_on_first_use() -> None:
    code = (
        "import sys, lamina.data; assert 'torch' not in sys.modules; "
        "lamina.data.BucketedBatches; assert 'torch' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_name_is_an_attribute_error() -> None:
    import lamina.data

    with pytest.raises(AttributeError, match="no attribute 'batchs'"):
        lamina.data.batchs  # noqa: B018
