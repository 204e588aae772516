"""A search on a real Ray cluster, with a process that dies in the midst of a training."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from depth_toy import Toy
from lamina.depth import search
from lamina.depth.tell.progress import SilentSearch
from lamina.spec import LaminaError
from mortal import SEARCH, mortal, outcome

ray = pytest.importorskip("ray")


class Notes(SilentSearch):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(scope="module")
def cluster():
    """Of two processes, on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "support" / "searches"))
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=80 * 2**20,
        )
        yield
        ray.shutdown()


def test_a_killed_process_changes_nothing(cluster, tmp_path):
    alone = search(Toy(), progress=SilentSearch(), **SEARCH)
    listener = Notes()
    task = mortal(tmp_path / "life")
    verdict = search(task, out=tmp_path / "out", ray="local", progress=listener, **SEARCH)
    assert outcome(verdict) == outcome(alone)
    deaths = [note for note in listener.notes if "its process died" in note]
    assert deaths
    assert all(note.startswith("depth 2 seed") for note in deaths)
    steps = sum(file.stat().st_size for file in (tmp_path / "life").glob("steps-*"))
    assert steps == 16 + len(deaths)  # it went on from its checkpoint
    assert ray.is_initialized()  # a cluster that the search did not start stays


def test_an_address_where_nothing_is_and_ray_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(LaminaError, match=r"Install it: pip install 'lamina\[ray\]'"):
        search(Toy(), ray="local", progress=SilentSearch(), **SEARCH)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1"])
def test_a_cluster_that_is_not_there_is_one_line_at_once(address, monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)  # whatever ran before
    with pytest.raises(LaminaError, match=r"refused.*Need the address") as raised:
        search(Toy(), ray=address, progress=SilentSearch(), **SEARCH)
    assert "\n" not in str(raised.value)
