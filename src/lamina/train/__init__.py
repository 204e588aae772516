"""Training: the training loop, schedules, checkpoints, history and progress."""

from lamina.train.evaluate import evaluate
from lamina.train.fit import fit
from lamina.train.progress import PlainProgress, Plan, Progress, RichProgress, Silent
from lamina.train.result import Diverged, Result
from lamina.train.settings import Settings

__all__ = [
    "Diverged",
    "PlainProgress",
    "Plan",
    "Progress",
    "Result",
    "RichProgress",
    "Settings",
    "Silent",
    "evaluate",
    "fit",
]
