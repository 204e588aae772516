"""Sending a setup to another process."""

from __future__ import annotations

import dataclasses
import pickle

from lamina.depth.ask.setup import Setup
from lamina.spec import LaminaError
from lamina.tasks import TASKS, reopen


def pack(setup: Setup) -> bytes:
    """Serialise ``setup`` for a pipe, never for a file.

    A lamina task is sent as its configuration and reads its data again on arrival, so that data are
    not copied through the pipe, and large files, which are kept as arrays on disk, share their
    pages between the processes of a machine. Any other task is pickled with its data.

    Raises:
        LaminaError: the task cannot be serialised.
    """
    task = setup.task
    config = task.config() if type(task) is TASKS.get(task.name) else None
    bare = setup if config is None else dataclasses.replace(setup, task=None)  # type: ignore[arg-type]
    try:
        return pickle.dumps((config, bare), protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise LaminaError(
            f"the task {task.name!r} cannot be sent to another process: {error}. Define its class"
            " and all that it holds in a module, or search with one worker."
        ) from None


def unpack(parcel: bytes) -> Setup:
    """The inverse of :func:`pack`; reads the data again.

    Raises:
        LaminaError: the data are missing or have changed.
    """
    config, setup = pickle.loads(parcel)
    return setup if config is None else dataclasses.replace(setup, task=reopen(config))
