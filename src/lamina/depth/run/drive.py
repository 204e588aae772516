"""The main loop of a search: ask the strategy for jobs, run them, report the results back."""

from __future__ import annotations

import time

from lamina.depth.plan.strategies import Strategy
from lamina.depth.run.ledger import Ledger
from lamina.depth.run.runners import Runner
from lamina.depth.tell.progress import SearchProgress
from lamina.depth.trials import Trial

#: Seconds between polls for the results of other machines.
POLL = 1.0


def drive(strategy: Strategy, ledger: Ledger, runner: Runner, progress: SearchProgress) -> None:
    """Run all jobs that ``strategy`` requests.

    Raises:
        KeyboardInterrupt: a training run was interrupted; finished trials are kept, and the same
            call resumes the search.
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
                # With room left, results that others finish meanwhile may be of use.
                trial = runner.wait(POLL if len(runner.running) < runner.size else None)
                if trial is not None:
                    trial = ledger.finish(trial)
                    strategy.tell(trial)
                    progress.finished(trial, strategy.expected())
            else:
                time.sleep(POLL)  # others have claimed them
    finally:
        left = list(runner.running)
        runner.close()
        for job in left:
            ledger.release(job)


def catch_up(strategy: Strategy, ledger: Ledger) -> list[Trial]:
    """Give ``strategy`` all finished trials that it requests or welcomes; return these."""
    told = ledger.known(job for job in strategy.welcome() if strategy.told(job) is None)
    for trial in told:
        strategy.tell(trial)
    while ended := ledger.finished(strategy.ask()):
        for trial in ended:
            strategy.tell(trial)
        told += ended
    return told
