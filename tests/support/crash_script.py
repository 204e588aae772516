"""Trains, is killed with SIGKILL, goes on; run by test_crash.py in a process of its own.

One warm process imports torch once and forks a child for each training; so a launch takes
milliseconds. ``at_every_file``: the child kills itself at its n-th file operation, for every n
that there is. ``at_random``: the parent kills the child at some moment. Prints what came of it
as JSON.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import torch

from lamina.store import RunFolder
from lamina.train import Silent, fit
from lamina.train.result import TIME_FIELDS
from toy import Stream

#: Audit events of python that come before a file operation.
FILE_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"}


def train(out: Path, **more) -> None:
    # Resumed runs get another initialisation, which must not matter.
    torch.manual_seed(1 if RunFolder(out).checkpoint_file.exists() else 0)
    task = Stream(length=30)
    fit(task.model(), task, lr=0.02, out=out, resume=True, progress=Silent(), **more)


def outcome(out: Path) -> list:
    run = RunFolder.open(out)
    weights = {name: tensor.tolist() for name, tensor in run.load_model_files()[2].items()}
    lines = [*run.history(), run.result() or {}]
    plain = [{k: v for k, v in line.items() if k not in TIME_FIELDS} for line in lines]
    return [weights, plain, sorted(file.name for file in out.iterdir())]


def kill_at_file_operation(out: Path, number: int) -> None:
    """Let this process die just before its ``number``-th operation on a file in ``out``.

    ``fsync`` counts as well: what was written is then in the file, but not yet in its place.
    """
    left = number

    def count(*_) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, args: tuple) -> None:
        if event in FILE_EVENTS and str(args[0]).startswith(str(out)):
            count()

    os.fsync = count
    sys.addaudithook(hook)


def fork(work) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    return child


def wait(child: int) -> int | None:
    """The signal that ended the child; ``None`` where it ended well."""
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    if os.WEXITSTATUS(status):
        raise SystemExit("a training failed; see above")
    return None


def at_every_file(folder: Path) -> dict:
    more = {"epochs": 2, "checkpoint_steps": 4}
    train(folder / "whole", **more)
    whole, different, number = outcome(folder / "whole"), [], 0
    while True:
        number += 1
        out = folder / "run"
        shutil.rmtree(out, ignore_errors=True)

        def work(out=out, number=number) -> None:
            kill_at_file_operation(out, number)
            train(out, **more)

        if wait(fork(work)) is None:
            return {"kills": number - 1, "different": different}
        train(out, **more)
        if outcome(out) != whole:
            different.append(number)


def at_random(folder: Path, kills: int) -> dict:
    more = {"epochs": 3, "checkpoint_steps": 1}
    train(folder / "whole", **more)
    began = time.perf_counter()
    wait(fork(lambda: train(folder / "again", **more)))
    seconds = time.perf_counter() - began
    whole, different, evaluations = outcome(folder / "whole"), 0, []
    chance = random.Random(0)
    done = runs = 0
    while done < kills:
        out = folder / f"run{runs}"
        runs += 1
        while True:
            child = fork(lambda out=out: train(out, **more))
            time.sleep(chance.uniform(0, seconds))
            os.kill(child, signal.SIGKILL)
            if wait(child) is None:
                break
            done += 1
            evaluations.append(len(RunFolder(out).history()))
        different += outcome(out) != whole
    return {"kills": done, "runs": runs, "different": different, "evaluations": evaluations}


if __name__ == "__main__":
    torch.set_num_threads(1)
    os.fsync = lambda handle: None  # a killed process loses no writes; only power cuts do
    mode, where = sys.argv[1], Path(sys.argv[2])
    print(json.dumps(at_every_file(where) if mode == "files" else at_random(where, 24)))
