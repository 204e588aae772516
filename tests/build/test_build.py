"""What is built from the source tree, with a compiler and without."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import lamina

ROOT = Path(__file__).parents[2]
BUILT_FROM = ("CMakeLists.txt", "LICENSE", "README.md", "csrc", "pyproject.toml", "src")
CXX = os.environ.get("CXX", "c++")


def run(
    arguments: list[str], environment: dict[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **environment}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def build(what: str, into: Path, environment: dict[str, str]) -> Path:
    """The archive that the build backend makes of a copy of the tree."""
    tree = into / "tree"
    for name in BUILT_FROM:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / name)
    code = f"from scikit_build_core.build import build_{what} as build; build('..')"
    done = run(["-c", code], environment, cwd=tree)
    assert done.returncode == 0, done.stdout + done.stderr
    (archive,) = (path for path in into.iterdir() if path != tree)
    return archive


@pytest.fixture
def into(tmp_path: Path) -> Path:
    pytest.importorskip("scikit_build_core")
    (tmp_path / "tree").mkdir()
    return tmp_path


def test_without_a_compiler_there_is_a_package_without_a_core(into: Path) -> None:
    archive = build("wheel", into, {"CXX": shutil.which("false") or "false"})
    assert archive.name == f"lamina-{lamina.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(archive) as wheel:
        wheel.extractall(into / "site")
    # -S, because an editable install of this tree would offer its own package.
    path = [str(into / "site"), *sys.path]
    code = (
        f"import sys; sys.path = {path!r}\n"
        "from lamina import nn; print(nn.__file__, nn.Stack(1, depth=1, width=1).explain()[0].why)"
    )
    done = run(["-S", "-c", code], {})
    assert done.returncode == 0, done.stderr
    file, _, why = done.stdout.strip().partition(" ")
    assert Path(file).is_relative_to(into / "site")
    assert "not built" in why


def test_the_source_archive_can_build_the_core(into: Path) -> None:
    archive = build("sdist", into, {})
    with tarfile.open(archive) as sources:
        names = {name.partition("/")[2] for name in sources.getnames()}
    needed = {"CMakeLists.txt", "pyproject.toml", "LICENSE", "README.md"}
    needed |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "csrc").rglob("*.*")}
    assert needed <= names
    assert not [name for name in names if name.endswith(".so")]


@pytest.mark.skipif(shutil.which(CXX) is None, reason="no C++ compiler")
def test_with_a_compiler_the_core_is_installed() -> None:
    """It is left out where its build fails: without this test, in silence."""
    from lamina.kernels import _core

    assert _core.lanes() == {"portable": 4, "avx2": 8, "avx512": 16}[_core.isa()]


@pytest.mark.skipif(shutil.which(CXX) is None, reason="no C++ compiler")
@pytest.mark.parametrize("wanted", ["portable", "avx3", ""])
def test_the_environment_chooses_the_instruction_set(wanted: str) -> None:
    from lamina.kernels import _core

    code = (  # the module alone: the package would import torch first
        "from importlib import util\n"
        f"spec = util.spec_from_file_location('_core', {_core.__file__!r})\n"
        "core = util.module_from_spec(spec); spec.loader.exec_module(core); print(core.isa())"
    )
    done = run(["-c", code], {"LAMINA_ISA": wanted})
    if wanted == "avx3":
        last = done.stderr.splitlines()[-1]
        assert last.startswith("ImportError: got LAMINA_ISA=avx3; need one of portable")
    else:
        assert done.stdout.strip() in ({wanted} if wanted else {"portable", "avx2", "avx512"})
