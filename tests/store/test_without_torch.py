"""Reading a run in a process that cannot import torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from lamina.spec import Model
from lamina.store import RunFolder

SCRIPT = """
import sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError("torch is forbidden here")

sys.meta_path.insert(0, Forbidden())

import safetensors.numpy

import lamina
import lamina.options
from lamina.store import RunFolder
from lamina.store.atomic import write_json
from lamina.store.cache import cache_folder
from lamina.store.lock import hold
from lamina.store.versions import versions

run = RunFolder.open(sys.argv[1])
config, assets = run.load_assets()
arrays = safetensors.numpy.load_file(run.weights_file)
print(config["model"], assets, arrays["weight"].tolist())
assert "torch" not in sys.modules
"""


class Tiny(Model):
    task = "tiny"

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))

    def config(self):
        return {"task": "tiny"}

    def assets(self):
        return {"vocabulary.json": "[]"}


def test_a_run_is_read(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    model = Tiny()
    run.write_config({"task": {}, "model": model.config()})
    run.save_model(model)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(run.path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "{'task': 'tiny'} {'vocabulary.json': '[]'} [1.0, -2.0]\n"
