"""The one error that a caller can mend, and the warnings."""

from __future__ import annotations


class LaminaError(ValueError):
    """Something the caller gave cannot be used. One line: got, need, remedy.

    ``place`` is where it was found (``reviews.csv:17``, ``runs/a/config.json``); the
    command line prints ``place: message`` and leaves with status 2.
    """

    def __init__(self, message: str, *, place: str | None = None):
        self.place = place
        self.message = message
        super().__init__(f"{place}: {message}" if place else message)


class LaminaWarning(UserWarning):
    """Something was decided that the caller may want otherwise: what, and how to say so."""


class ColumnsWarning(LaminaWarning):
    """Columns of a table were chosen by their values: which are read, and how.
    :meth:`lamina.tasks.DataTask.describe` says it too."""
