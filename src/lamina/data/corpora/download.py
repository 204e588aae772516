"""Download a single file: verified and complete, or not at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from lamina.spec import LaminaError

#: Timeout in seconds for a silent server.
TIMEOUT_SECONDS = 30.0


def download(url: str, path: Path, *, size_bytes: int, sha256: str) -> None:
    """Download ``url`` to ``path``, which is created only after verification.

    No more than ``size_bytes`` (and one byte) is read, whatever the server sends. Two processes may
    download the same file at once.

    Raises:
        LaminaError: at ``url``, if the address is not http(s), the server fails, or the content is
            not the expected one; nothing is kept then.
    """
    if not url.startswith(("http://", "https://")):
        raise LaminaError("need an address that begins with http:// or https://.", place=url)
    content = _get(url, size_bytes + 1)
    if len(content) != size_bytes:
        got = "more" if len(content) > size_bytes else f"{len(content):,}"
        raise LaminaError(
            f"got {got} bytes; need {size_bytes:,}. Try again, or get the file by hand.", place=url
        )
    if (got := hashlib.sha256(content).hexdigest()) != sha256:
        raise LaminaError(
            f"got SHA-256 {got}; need {sha256}. The file there was changed: get it elsewhere.",
            place=url,
        )
    _write_whole(path, content)


def _get(url: str, most_bytes: int) -> bytes:
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "lamina"})
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            return response.read(most_bytes)
    except urllib.error.HTTPError as error:
        reason = f"the server answered {error.code} {error.reason}"
        error.close()
    except urllib.error.URLError as error:
        reason = f"the server cannot be reached ({error.reason})"
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = f"the download broke off ({error or type(error).__name__})"
    raise LaminaError(f"{reason}. Try again, or get the file by hand.", place=url)


def _write_whole(path: Path, content: bytes) -> None:
    # Each writer uses its own name: if two race, both rename a complete file.
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise LaminaError(
            f"cannot be written ({error.strerror}). Set LAMINA_CACHE to a folder that can.",
            place=str(path),
        ) from None
    finally:
        if temporary is not None:
            os.unlink(temporary)
