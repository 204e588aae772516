"""The loop of a search: ask a strategy, run what it wants, tell it what came of it."""

from __future__ import annotations

import time

from lamina.depth.plan.strategies import Strategy
from lamina.depth.run.ledger import Ledger
from lamina.depth.run.runners import Runner
from lamina.depth.tell.progress import SearchProgress
from lamina.depth.trials import Trial

#: Seconds between two looks at what others do.
POLL = 1.0


def drive(strategy: Strategy, ledger: Ledger, runner: Runner, progress: SearchProgress) -> None:
    """Run all that ``strategy`` asks for.

    Raises KeyboardInterrupt where a training was interrupted; what has ended is kept, and the
    same call goes on there.
    """
    try:
        while True:
            for trial in catch_up(strategy, ledger):
                progress.known(trial)
            if not (jobs := strategy.ask()):
                break
            for job in jobs:
                if len(runner.running) >= runner.size:
                    break
                if job not in runner.running and ledger.claim(job):
                    runner.start(job)
            if runner.running:
                # With room left, what others end meanwhile may be worth a look.
                trial = runner.wait(POLL if len(runner.running) < runner.size else None)
                if trial is not None:
                    trial = ledger.finish(trial)
                    strategy.tell(trial)
                    progress.finished(trial, strategy.expected())
            else:
                time.sleep(POLL)  # others have them
    finally:
        left = list(runner.running)
        runner.close()
        for job in left:
            ledger.release(job)


def catch_up(strategy: Strategy, ledger: Ledger) -> list[Trial]:
    """Tell ``strategy`` of all that it wants, or welcomes, and that has ended already; returns what
    it told."""
    told = ledger.known(job for job in strategy.welcome() if strategy.told(job) is None)
    for trial in told:
        strategy.tell(trial)
    while ended := ledger.finished(strategy.ask()):
        for trial in ended:
            strategy.tell(trial)
        told += ended
    return told
