"""Training and depth searches, killed at random moments: ``python bench/torture.py [--quick]``.

Each way of training is run once undisturbed, and then again and again with SIGKILL at random
moments, until it ends: between two steps, inside a write, while tables are made. What a run leaves
behind (weights, history, verdict) must be the same, bit for bit. Of a search with two workers,
either the search or one of its workers is killed.

Processes are forked from one that has loaded torch, so that a kill costs the time of a small
network and not that of an import; workers come from a fork server for the same reason. All else is
what ``lamina train`` and ``lamina depth`` do. PostgreSQL's server is started if its programs are
installed.

Results are kept in ``--out``; the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import msgspec
import optuna  # noqa: F401 - loaded before a process is forked
import torch

from lamina.depth import search
from lamina.depth.tell.progress import SilentSearch
from lamina.store import RunFolder, load_tensors
from lamina.tasks import LanguageModel
from lamina.train import Settings, Silent, fit
from lamina.train.result import TIME_FIELDS

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support" / "searches"))

#: Kills of each way.
KILLS, QUICK = 200, 1
QUICK_WAYS = ("training", "search, two workers")
#: How often one of its workers may be killed before a search must be: it gives up after three.
WORKERS_KILLED = 2
#: Seconds for the workers of a search that was killed to notice, and for a run to end.
LEAVING, ENDING = 60.0, 600.0
SETTINGS = Settings(epochs=2, lr=0.02, threads=1, checkpoint_steps=1)
NETWORK: dict[str, Any] = {"width": 4, "dropout": 0.2, "embedding": 4}


class Way(NamedTuple):
    """A way of training.

    Attributes:
        run: trains in a folder, or goes on there; the second argument is the URL of a database.
        workers: whether there are processes of their own that may die.
        postgres: whether it needs a server.
    """

    run: Callable[[Path, str | None], None]
    workers: bool = False
    postgres: bool = False


def task() -> LanguageModel:
    """A language model of a few sentences; it carries a state from batch to batch."""
    return LanguageModel(os.environ["TORTURE_TEXT"], batch_size=4, steps=8)


def train(out: Path, url: str | None) -> None:
    """One training run."""
    data = task()
    # Its first weights must not matter to a run that is resumed.
    torch.manual_seed(int(RunFolder(out).checkpoint_file.exists()))
    model = data.model(depth=2, **NETWORK)
    fit(model, data, SETTINGS, out=out, resume=True, progress=Silent())


def searching(workers: int | None) -> Callable[[Path, str | None], None]:
    """A depth search with so many workers."""

    def run(out: Path, url: str | None) -> None:
        search(
            task(),
            depths=(1, 2),
            seeds=2,
            strategy="grid",
            settings=SETTINGS,
            options=None,
            workers=workers,
            storage=url,
            out=out,
            progress=SilentSearch(),
            **NETWORK,
        )

    return run


WAYS = {
    "training": Way(train),
    "search": Way(searching(None)),
    "search, two workers": Way(searching(2), workers=True),
    "search, PostgreSQL": Way(searching(None), postgres=True),
    "search, two workers, PostgreSQL": Way(searching(2), workers=True, postgres=True),
}


def left(out: Path) -> str:
    """A digest of what a run or a search leaves behind, but for times."""
    run = RunFolder.open(out)
    sha = hashlib.sha256()
    for file in sorted(out.rglob("weights.safetensors")):
        tensors, metadata = load_tensors(file)
        sha.update(json.dumps([str(file.relative_to(out)), metadata], sort_keys=True).encode())
        for name, tensor in sorted(tensors.items()):
            sha.update(name.encode() + tensor.numpy().tobytes())
    for line in (*run.history(), run.result() or {}):
        plain = {name: value for name, value in line.items() if name not in TIME_FIELDS}
        sha.update(json.dumps(plain, sort_keys=True).encode())
    if (out / "verdict.json").exists():
        verdict = msgspec.json.decode((out / "verdict.json").read_bytes())
        same = [verdict["headline"], verdict["decision"], verdict["tested"], verdict["looks"]]
        trials = sorted(
            json.dumps([trial["job"], trial["value"], trial["curve"], trial["steps"]])
            for trial in verdict["trials"]
        )
        sha.update(json.dumps([same, trials], sort_keys=True).encode())
    return sha.hexdigest()


# -- processes


def fork(way: Way, out: Path, url: str | None) -> int:
    """Start a run in a process of its own."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.setsid()
        # Its workers come from the fork server of the parent.
        forkserver._forkserver.ensure_running = lambda: None  # type: ignore[attr-defined,method-assign]
        context = multiprocessing.get_context("forkserver")
        multiprocessing.get_context = lambda kind=None: context  # type: ignore[assignment]
        way.run(out, url)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def workers() -> list[int]:
    """The processes that the fork server has started."""
    pid = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    if pid is None:
        return []
    try:
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def kill(pid: int) -> bool:
    """SIGKILL; whether there still was such a process."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def ended(child: int, seconds: float) -> int | None:
    """How a process ended, within so many seconds; ``None``: it still runs."""
    until = time.monotonic() + seconds
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            return None
        time.sleep(min(0.005, max(until - time.monotonic(), 0.0)))


def nobody_left() -> None:
    """Wait for the workers of a search that is gone."""
    until = time.monotonic() + LEAVING
    while workers():
        if time.monotonic() > until:
            raise SystemExit("torture: a worker outlives its search")
        time.sleep(0.01)


def disturbed(
    way: Way, out: Path, url: str | None, seconds: float, chance: random.Random, most: int
) -> tuple[int, str]:
    """Run until the end, with at most so many kills.

    Returns:
        The number of kills, and what came of it: a digest, or ``failed``.
    """
    kills = 0
    while True:
        child, killed = fork(way, out, url), 0
        status = None
        try:
            while status is None:
                wait = chance.uniform(0.0, seconds) if kills < most else ENDING
                status = ended(child, wait)
                if status is not None:
                    break
                if kills >= most:
                    raise SystemExit(f"torture: a run takes more than {ENDING:.0f} seconds")
                others = workers() if way.workers and killed < WORKERS_KILLED else []
                if others and chance.random() < 0.5:
                    killed += kill(chance.choice(others))
                    kills += 1
                    continue
                kills += kill(child)
                status = ended(child, ENDING)
        finally:
            if status is None:  # stopped from without: nothing of it stays behind
                kill(child)
                os.waitpid(child, 0)
            nobody_left()
        if status == 0:
            return kills, left(out)
        if status != -signal.SIGKILL:
            return kills, "failed"


# -- rounds


class Round(msgspec.Struct):
    """A run that was killed, perhaps more than once, and what came of it."""

    way: str
    kills: int
    came: str


def rounds(name: str, kills: int, kept: Path, folder: Path, url: str | None) -> list[Round]:
    """All rounds of a way, those of earlier sessions among them."""
    way, file = WAYS[name], kept / f"{name.replace(', ', '-').replace(' ', '-')}.jsonl"
    done = [
        msgspec.json.decode(line, type=Round)
        for line in (file.read_bytes().splitlines() if file.exists() else [])
    ]
    whole, seconds = undisturbed(way, folder / "whole", url)
    began, before = time.monotonic(), sum(one.kills for one in done)
    while (count := sum(one.kills for one in done)) < kills:
        out = folder / "run"
        shutil.rmtree(out, ignore_errors=True)
        empty(url)
        chance = random.Random(f"{name} {len(done)}")
        struck, came = disturbed(way, out, url, seconds, chance, kills - count)
        came = "same" if came == whole else "failed" if came == "failed" else "different"
        if came != "same":
            shutil.copytree(out, kept / f"{file.stem}-{len(done)}", dirs_exist_ok=True)
        done.append(Round(name, struck, came))
        with file.open("ab") as lines:
            lines.write(msgspec.json.encode(done[-1]) + b"\n")
        count = sum(one.kills for one in done)
        left = (kills - count) * (time.monotonic() - began) / max(count - before, 1)
        bad = sum(one.came != "same" for one in done)
        print(
            f"{name}: {count}/{kills} kills, {len(done)} runs, {bad} not the same, "
            f"about {max(left, 0) / 60:.0f} min left",
            file=sys.stderr,
        )
    return done


def undisturbed(way: Way, out: Path, url: str | None) -> tuple[str, float]:
    """The digest of a run that nobody kills, and the seconds that it takes."""
    shutil.rmtree(out, ignore_errors=True)
    empty(url)
    began = time.monotonic()
    child, status = fork(way, out, url), None
    try:
        status = ended(child, ENDING)
    finally:
        if status is None:
            kill(child)
            os.waitpid(child, 0)
        nobody_left()
    if status != 0:
        raise SystemExit("torture: the undisturbed run failed")
    return left(out), time.monotonic() - began


def empty(url: str | None) -> None:
    """Remove all tables of a PostgreSQL database."""
    if url is None:
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


@contextlib.contextmanager
def database() -> Iterator[str | None]:
    """The URL of a PostgreSQL server of our own; ``None`` if its programs are missing."""
    programs = importlib.import_module("postgres")  # in tests/support/searches
    if not (programs.PROGRAMS / "initdb").exists():
        yield None
        return
    with programs.server() as url:
        yield url


def _stop(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def main() -> None:
    """Kill, and print a table of what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK} kill of {' and of '.join(QUICK_WAYS)}"
    )
    parser.add_argument("--kills", type=int, default=KILLS, help=f"of each way [{KILLS}]")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS), metavar="WAY")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "torture")
    given = parser.parse_args()
    torch.set_num_threads(1)
    signal.signal(signal.SIGTERM, _stop)
    ways = QUICK_WAYS if given.quick else given.ways
    server = database() if any(WAYS[name].postgres for name in ways) else contextlib.nullcontext()
    with tempfile.TemporaryDirectory() as scratch, server as url:
        text = Path(scratch, "text.txt")
        text.write_text("the time traveller came back and told his story to all of us.\n" * 12)
        os.environ["TORTURE_TEXT"] = str(text)
        os.environ["OMP_NUM_THREADS"] = "1"
        multiprocessing.set_forkserver_preload(["lamina.depth.run.runners.worker", "lamina.tasks"])
        forkserver.ensure_running()
        kept = Path(scratch) if given.quick else given.out
        kept.mkdir(parents=True, exist_ok=True)
        print("runs that were killed at random moments, and how they differ from one that was not")
        print(f"{'way':<34}{'kills':>7}{'runs':>7}{'different':>11}{'failed':>8}")
        wrong = 0
        for name in ways:
            if WAYS[name].postgres and url is None:
                print(f"{name:<34}  no PostgreSQL here")
                continue
            on = url if WAYS[name].postgres else None
            done = rounds(name, QUICK if given.quick else given.kills, kept, Path(scratch), on)
            came = [one.came for one in done]
            different, failed = came.count("different"), came.count("failed")
            wrong += different + failed
            kills = sum(one.kills for one in done)
            print(f"{name:<34}{kills:>7}{len(done):>7}{different:>11}{failed:>8}", flush=True)
    if wrong:
        raise SystemExit(f"torture: {wrong} runs did not end as they would have, see {kept}")


if __name__ == "__main__":
    main()
