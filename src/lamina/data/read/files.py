"""Reading the bytes of a file, gzipped or not, as text and as lines; errors name the line."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import shlex
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from lamina.data.read.decoding import decoded
from lamina.spec import LaminaError
from lamina.store.regular import open_regular

#: Bytes read at a time; a byte order mark must fit.
CHUNK = 1 << 20
#: The suffix of gzipped files.
PACKED = ".gz"


def fingerprint(path: str | Path) -> str:
    """The SHA-256 of the file on disk (``.gz`` files are not unpacked), as 64 hex digits.

    Raises:
        LaminaError: The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open_regular(path) as file:
            while block := file.read(CHUNK):
                digest.update(block)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    return digest.hexdigest()


def is_packed(path: str | Path) -> bool:
    """Whether the file has the gzip suffix, and is therefore unpacked while it is read."""
    return str(path).lower().endswith(PACKED)


def suffix_of(path: str | Path) -> str:
    """The suffix that names the format, lower-cased: ``.csv`` for ``a.csv`` and ``A.CSV.gz``."""
    return Path(str(path).lower().removesuffix(PACKED)).suffix


def byte_chunks(
    path: str | Path, on_progress: Callable[[int], None] | None = None
) -> Iterator[bytes]:
    """The content in chunks of at most :data:`CHUNK` bytes, unpacked if :func:`is_packed`.

    Args:
        path: The file.
        on_progress: Called after each chunk with the number of bytes of the file read so far.

    Raises:
        LaminaError: The file is missing, a folder, unreadable or a damaged gzip file.
    """
    try:
        with open_regular(path) as file:
            content = gzip.GzipFile(fileobj=file) if is_packed(path) else file
            while chunk := content.read(CHUNK):
                yield chunk
                if on_progress is not None:
                    on_progress(file.tell())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise LaminaError(
            f"got a damaged gzip file ({error}); need a whole one. Copy or download it again.",
            place=str(path),
        ) from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None


def read_bytes(path: str | Path) -> bytes:
    """All of :func:`byte_chunks`, joined."""
    return b"".join(byte_chunks(path))


def unreadable(path: str | Path, error: Exception) -> LaminaError:
    """The error for a file that cannot be opened or read."""
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


def decoded_chunks(
    path: str | Path, on_progress: Callable[[int], None] | None = None
) -> Iterator[str]:
    """The content as text, in chunks, without a byte order mark, line ends unchanged. UTF-8 if it
    can be; see :func:`lamina.data.read.decoding.decoding`.

    Args:
        path: The file.
        on_progress: As in :func:`byte_chunks`.

    Raises:
        LaminaError: The file is missing, empty, in no certain encoding, or holds a zero byte.
            Raised with the line, when it is reached.
    """
    return decoded(lambda: byte_chunks(path, on_progress), str(path))


def read_decoded(path: str | Path) -> str:
    """All of :func:`decoded_chunks`, joined."""
    return "".join(decoded_chunks(path))


def text_chunks(
    path: str | Path, on_progress: Callable[[int], None] | None = None
) -> Iterator[str]:
    r"""Running text in chunks: as :func:`decoded_chunks`, with every line end as ``\n``.

    Raises:
        LaminaError: As :func:`decoded_chunks`; also, at the end, if all of the file is white space,
            or no line in it ends as :func:`lines` says.
    """
    blank, ended, returned = True, False, False
    held = ""  # carriage returns at the end of a chunk belong to what follows
    line = 1
    for chunk in itertools.chain(decoded_chunks(path, on_progress), [""]):
        text = held + chunk
        held = text[len(text.rstrip("\r")) :] if chunk else ""
        text = text.removesuffix(held).replace("\r\n", "\n")
        if (odd := text.find("\r\n")) >= 0:
            raise _doubled_returns(path, line + text.count("\n", 0, odd))
        line += text.count("\n")
        blank = blank and (not text or text.isspace())
        ended, returned = ended or "\n" in text, returned or "\r" in text
        if text:
            yield text
    if blank:
        raise LaminaError("got white space only; need text.", place=str(path))
    if returned and not ended:
        raise _returns_alone(path)


def read_text(path: str | Path) -> str:
    """All of :func:`text_chunks`, joined."""
    return "".join(text_chunks(path))


def lines(text: str) -> list[str]:
    r"""The lines of a text, as every reader counts them: each ends with ``\n`` or ``\r\n``.

    Nothing else ends a line: ``str.splitlines`` would also cut at a lone carriage return, a form
    feed, U+0085 or U+2028, all of which occur within texts.
    """
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def read_lines(path: str | Path) -> list[str]:
    """The :func:`lines` of a text file.

    Raises:
        LaminaError: As :func:`decoded_chunks`; no line ends as it must.
    """
    text = read_decoded(path)
    if odd := odd_ends(text, path):
        raise odd
    return lines(text)


def odd_ends(text: str, path: str | Path) -> LaminaError | None:
    r"""The error for a text whose lines end with ``\r`` or ``\r\r\n``; ``None`` if they do not."""
    if "\r" in text and "\n" not in text:
        return _returns_alone(path)
    if (odd := text.find("\r\r\n")) >= 0:
        return _doubled_returns(path, 1 + text.count("\n", 0, odd))
    return None


def _doubled_returns(path: str | Path, line: int) -> LaminaError:
    r"""The error for a line end that was converted to ``\r\n`` twice."""
    return LaminaError(
        r"the line ends with \r\r\n; need \n or \r\n. Convert the file, for instance: "
        rf"tr -d '\r' < {shlex.quote(str(path))} > {shlex.quote(str(path) + '.txt')}",
        place=f"{path}:{line}",
    )


def _returns_alone(path: str | Path) -> LaminaError:
    r"""The error for a file whose lines end with ``\r``, as on the first Macintoshes."""
    return LaminaError(
        r"lines end with a carriage return alone; need \n or \r\n. Convert the file, for instance: "
        rf"tr '\r' '\n' < {shlex.quote(str(path))} > {shlex.quote(str(path) + '.txt')}",
        place=str(path),
    )
