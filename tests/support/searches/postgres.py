"""A PostgreSQL server that lives as long as a test, from the programs of Debian's packages."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

#: Of all versions that are installed, the newest.
PROGRAMS = max(
    Path("/usr/lib/postgresql").glob("*/bin/initdb"),
    key=lambda file: int(file.parts[-3]),
    default=Path("initdb"),
).parent


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The URL of an empty database. The server listens on a socket in its own folder, on no port.

    It refuses to run as root, so there it runs as nobody.
    """
    if not (PROGRAMS / "initdb").exists():
        pytest.skip("no PostgreSQL: its programs are in Debian's package postgresql")
    # A socket's path is short, about 100 letters: not under a test's own folder.
    folder = Path(tempfile.mkdtemp(prefix="lamina-pg-"))
    user = None
    if os.geteuid() == 0:
        user = "nobody"
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)

    def run(program: str, *arguments: str) -> None:
        command = [str(PROGRAMS / program), *arguments]
        done = subprocess.run(
            command, user=user, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, done.stderr + done.stdout

    data, log = str(folder / "data"), str(folder / "log")
    try:
        run("initdb", "--pgdata", data, "--username", "lamina", "--auth", "trust", "--no-sync")
        # What is lost when the power fails is no loss here.
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "--pgdata", data, "--log", log, "--wait", "--options", options, "start")
        try:
            yield f"postgresql://lamina@/postgres?host={folder}"
        finally:
            run("pg_ctl", "--pgdata", data, "--wait", "--mode", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
