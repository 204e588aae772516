"""``import lamina`` alone: every public name is there, and nothing heavy is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import lamina


@pytest.mark.parametrize("name", [name for name in lamina.__all__ if name != "__version__"])
def test_each_name_loads_on_first_use(name: str) -> None:
    # Asked directly: an earlier import may have made the package an attribute already.
    assert lamina.__getattr__(name) is getattr(lamina, name)


def test_every_package_is_a_name_or_internal() -> None:
    packages = {init.parent.name for init in Path(lamina.__file__).parent.glob("*/__init__.py")}
    assert packages - set(lamina.__all__) == {"cli", "options", "spec"}


def test_the_import_is_light() -> None:
    code = "import sys, lamina; print(*{'torch', 'numpy', 'scipy'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'celsl'"):
        lamina.celsl  # noqa: B018  # type: ignore[attr-defined]
