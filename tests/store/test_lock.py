"""A folder is one process's at a time."""

import subprocess
import sys

import pytest

from lamina.spec import LaminaError
from lamina.store import hold

HOLD = """
import sys
from lamina.store import hold
with hold(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_kept_out_until_it_is_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(LaminaError, match="another process is using this"),
            hold(tmp_path),
        ):
            raise AssertionError
        other.kill()
        other.wait()
    with hold(tmp_path):
        assert not list(tmp_path.iterdir())
