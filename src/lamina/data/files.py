"""Bytes from disk and text from bytes, with an error that names the line."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import shlex
import zlib
from pathlib import Path

from lamina.spec import LaminaError

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def fingerprint(path: str | Path) -> str:
    """The SHA-256 of the file as it lies on disk (a ``.gz`` is not unpacked), 64 hex digits.

    Raises LaminaError if the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    return digest.hexdigest()


def read_bytes(path: str | Path) -> bytes:
    """The whole content; a name that ends in ``.gz`` is unpacked."""
    try:
        if str(path).endswith(".gz"):
            with gzip.open(path, "rb") as file:
                return file.read()
        return Path(path).read_bytes()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise LaminaError(
            f"got a damaged gzip file ({error}); need a whole one. Copy or download it again.",
            place=str(path),
        ) from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None


def unreadable(path: str | Path, error: Exception) -> LaminaError:
    """The error for a file that the system will not open."""
    if isinstance(error, FileNotFoundError):
        message = "no such file. Check the path."
    elif isinstance(error, IsADirectoryError) or _is_folder(path):
        message = "got a folder; need a file. Name a file in it."
    elif isinstance(error, PermissionError):
        message = "may not be read by this user. Change its permissions."
    else:
        message = f"cannot be read ({getattr(error, 'strerror', None) or error})."
    return LaminaError(message, place=str(path))


def _is_folder(path: str | Path) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def read_utf8(path: str | Path) -> str:
    """The content as text: UTF-8, a byte order mark removed, line ends as they are.

    Raises LaminaError for a file that is missing, empty, not UTF-8 or holds a zero byte.
    """
    content = read_bytes(path)
    if not content:
        raise LaminaError("the file is empty.", place=str(path))
    if content.startswith(_UTF16):
        raise LaminaError(f"got UTF-16; need UTF-8. {_convert(path, 'UTF-16')}", place=f"{path}:1")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from behind a byte order mark.
        start = error.start + (len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0)
        raise LaminaError(
            f"byte 0x{content[start]:02x} is not UTF-8. {_convert(path, 'WINDOWS-1252')}",
            place=f"{path}:{_line(content, start)}",
        ) from None
    if (zero := content.find(0)) >= 0:
        raise LaminaError(
            "got a zero byte; need text. Is this a binary file, or UTF-16?",
            place=f"{path}:{_line(content, zero)}",
        )
    return text


def _convert(path: str | Path, encoding: str) -> str:
    """The remedy for a file that is not UTF-8, as a shell takes it."""
    old = Path(path)
    if old.suffix == ".gz":
        return f"Unpack the file and convert it: iconv -f {encoding} -t UTF-8."
    new = old.with_name(f"{old.stem}-utf8{old.suffix}")
    command = f"iconv -f {encoding} -t UTF-8 {shlex.quote(str(old))} > {shlex.quote(str(new))}"
    return f"Convert the file, for instance: {command}"


def _line(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1
