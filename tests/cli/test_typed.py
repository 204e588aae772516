"""The report repeats the command, where there was one."""

from __future__ import annotations

import sys

import pytest

from lamina.cli.depth import typed


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (
            ["/x/bin/lamina", "depth", "classify", "my file.csv"],
            "lamina depth classify 'my file.csv'",
        ),
        (["/x/lamina/__main__.py", "demo"], "lamina demo"),
        (["/x/bin/pytest", "tests"], None),
    ],
)
def test_typed(argv: list[str], shown: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    assert typed() == shown
