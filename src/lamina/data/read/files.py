"""Reading the bytes of a file, gzipped or not, and decoding them as UTF-8; errors name the line."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import itertools
import shlex
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from lamina.spec import LaminaError
from lamina.store.regular import open_regular

#: Bytes read at a time; a byte order mark must fit.
CHUNK = 1 << 20
#: The suffix of gzipped files.
PACKED = ".gz"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


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


def utf8_chunks(
    path: str | Path, on_progress: Callable[[int], None] | None = None
) -> Iterator[str]:
    """The content as text, in chunks: UTF-8, without a byte order mark, line ends unchanged.

    Args:
        path: The file.
        on_progress: As in :func:`byte_chunks`.

    Raises:
        LaminaError: The file is missing, empty, not UTF-8, or holds a zero byte. Raised with the
            line, when it is reached.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, first = 1, True
    for content in byte_chunks(path, on_progress):
        if first and content.startswith(_UTF16):
            raise LaminaError(
                f"got UTF-16; need UTF-8. {_convert(path, 'UTF-16')}", place=f"{path}:1"
            )
        if first:
            content = content.removeprefix(codecs.BOM_UTF8)
        first = False
        yield _decoded(decoder, content, path, line)
        line += content.count(b"\n")
    if first:
        raise LaminaError("the file is empty.", place=str(path))
    _decoded(decoder, b"", path, line, final=True)  # raises if the file ends within a character


def _decoded(
    decoder: codecs.IncrementalDecoder,
    content: bytes,
    path: str | Path,
    line: int,
    *,
    final: bool = False,
) -> str:
    """The text of ``content``, which begins in line ``line`` of the file."""
    try:
        text = decoder.decode(content, final)
    except UnicodeDecodeError as error:
        at = line + error.object.count(b"\n", 0, error.start)
        raise LaminaError(
            f"byte 0x{error.object[error.start]:02x} is not UTF-8. "
            f"{_convert(path, 'WINDOWS-1252')}",
            place=f"{path}:{at}",
        ) from None
    if (zero := content.find(0)) >= 0:
        at = line + content.count(b"\n", 0, zero)
        raise LaminaError(
            "got a zero byte; need text. Is this a binary file, or UTF-16?",
            place=f"{path}:{at}",
        )
    return text


def read_utf8(path: str | Path) -> str:
    """All of :func:`utf8_chunks`, joined."""
    return "".join(utf8_chunks(path))


def text_chunks(
    path: str | Path, on_progress: Callable[[int], None] | None = None
) -> Iterator[str]:
    r"""Running text in chunks: as :func:`utf8_chunks`, with every line end as ``\n``.

    Raises:
        LaminaError: As :func:`utf8_chunks`; also, at the end, if all of the file is white space, or
            no line in it ends as :func:`lines` says.
    """
    blank, ended, returned = True, False, False
    held = ""  # a carriage return at the end of a chunk belongs to what follows
    for chunk in itertools.chain(utf8_chunks(path, on_progress), [""]):
        text = held + chunk
        held = "\r" if chunk and text.endswith("\r") else ""
        text = text.removesuffix(held).replace("\r\n", "\n")
        blank = blank and (not text or text.isspace())
        ended, returned = ended or "\n" in text, returned or "\r" in text
        if text:
            yield text
    if blank:
        raise LaminaError("got white space only; need text.", place=str(path))
    if returned and not ended:
        raise returns_alone(path)


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
    """The :func:`lines` of a UTF-8 file.

    Raises:
        LaminaError: As :func:`utf8_chunks`; no line ends as it must.
    """
    text = read_utf8(path)
    if "\r" in text and "\n" not in text:
        raise returns_alone(path)
    return lines(text)


def returns_alone(path: str | Path) -> LaminaError:
    r"""The error for a file whose lines end with ``\r``, as on the first Macintoshes."""
    return LaminaError(
        r"lines end with a carriage return alone; need \n or \r\n. Convert the file, for instance: "
        rf"tr '\r' '\n' < {shlex.quote(str(path))} > {shlex.quote(str(path) + '.txt')}",
        place=str(path),
    )


def _convert(path: str | Path, encoding: str) -> str:
    """The remedy for a file that is not UTF-8, as a shell command."""
    old = Path(path)
    if is_packed(old):
        return f"Unpack the file and convert it: iconv -f {encoding} -t UTF-8."
    new = old.with_name(f"{old.stem}-utf8{old.suffix}")
    command = f"iconv -f {encoding} -t UTF-8 {shlex.quote(str(old))} > {shlex.quote(str(new))}"
    return f"Convert the file, for instance: {command}"
