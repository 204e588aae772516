"""Bytes as text: UTF-8, or an encoding that is named, marked or detected, and then announced."""

from __future__ import annotations

import codecs
import contextlib
import itertools
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeAlias

from lamina.data.read import detect
from lamina.spec import LaminaError, LaminaWarning

#: Opens the content: chunks of bytes, from the start each time.
Opened: TypeAlias = Callable[[], Iterator[bytes]]

#: Byte order marks; that of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
#: What begins a shift to double bytes in the 7-bit encodings of ISO 2022 (ISO-2022-JP, -KR, -CN).
_SHIFTS = (b"\x1b$", b"\x1b(J")
#: Characters of category C (other) that texts have: joiners and marks of direction.
_FORMATS = frozenset("\xad\u200b\u200c\u200d\u200e\u200f\ufeff")
#: Bytes of a binary file, or of UTF-16 without a mark, that are looked at.
_HEAD = 1 << 16


@dataclass
class Decoding:
    """How the files of a task or a model are decoded.

    Attributes:
        named: The encoding that the user named.
        stored: That of a model's training data, for files that are not UTF-8.
        used: What the first file was read as that is not UTF-8.
        said: The encoding and the note of each file that is not UTF-8, by its path.
    """

    named: str | None = None
    stored: str | None = None
    used: str | None = None
    said: dict[str, tuple[str, str]] = field(default_factory=dict)

    def use(self, place: str, encoding: str, note: str) -> None:
        """Say once, and remember, what a file is read as."""
        self.used = self.used or encoding
        if place not in self.said:
            self.said[place] = (encoding, note)
            warnings.warn(LaminaWarning(f"{place}: {note}."), stacklevel=3)


_CURRENT: ContextVar[Decoding | None] = ContextVar("decoding", default=None)


@contextlib.contextmanager
def decoding(encoding: str | None = None, *, stored: str | None = None) -> Iterator[Decoding]:
    """What is read meanwhile is decoded so.

    Args:
        encoding: The encoding of all text files, as Python names it (``gb18030``, ``latin-1``);
            ``None`` reads UTF-8, and detects the encoding of other files.
        stored: The encoding of files that are not UTF-8, if none is named.

    Raises:
        LaminaError: There is no such encoding.
    """
    check_encoding(encoding)
    how = Decoding(encoding, stored)
    token = _CURRENT.set(how)
    try:
        yield how
    finally:
        _CURRENT.reset(token)


def current() -> Decoding:
    """How files are decoded here: as the nearest :func:`decoding` says."""
    return _CURRENT.get() or Decoding()


def check_encoding(encoding: str | None) -> None:
    """Check the name of an encoding of texts.

    Raises:
        LaminaError: There is no such encoding.
    """
    try:
        if encoding is None or codecs.lookup(encoding)._is_text_encoding:
            if encoding is not None:
                codecs.getincrementaldecoder(encoding)()
            return
    except (LookupError, TypeError, ValueError):
        pass
    raise LaminaError(
        f"no encoding {encoding!r}; need one that Python knows, such as utf-8, utf-16, gb18030, "
        "big5, shift_jis, euc_kr, windows-1251, windows-1252 or latin-1"
    )


def fixed_encoding(place: str, what: str) -> None:
    """Refuse a named encoding for a format that has none to choose.

    Raises:
        LaminaError: One is named.
    """
    how = current()
    if how.named is not None:
        raise LaminaError(
            f"got encoding {how.named!r}; a {what} file has its own. Leave encoding out.",
            place=place,
        )


def decoded(content: Opened, place: str) -> Iterator[str]:
    """The text in chunks, without a byte order mark, line ends unchanged.

    Args:
        content: Opens the bytes.
        place: What is read, for messages.

    Raises:
        LaminaError: It is empty, cannot be decoded, or holds a zero byte; or its encoding is not
            certain. With the line, when it is reached.
    """
    how = current()
    chunks = content()
    head = next(chunks, b"")
    if not head:
        raise LaminaError("the file is empty.", place=place)
    marked = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    if marked == "utf-8":
        yield from _strict(content, place, "utf-8-sig", how)
    elif marked:
        how.use(place, marked, f"reads {marked.upper()}, as its byte order mark says")
        yield from _strict(content, place, marked, how)
    elif how.named is not None:
        yield from _strict(content, place, _named(content, place, how), how)
    elif b"\0" in head and (wide := _wide(head)):
        how.use(place, wide, f"has no byte order mark; reads {wide.upper()}, by its zero bytes")
        yield from _strict(content, place, wide, how)
    else:
        yield from _utf8_or_else(itertools.chain([head], chunks), content, place, how)


def _named(content: Opened, place: str, how: Decoding) -> str:
    """The encoding that was named, unless the file is UTF-8 beyond doubt."""
    assert how.named is not None
    named = codecs.lookup(how.named).name
    how.used = how.used or how.named
    if named in ("utf-8", "utf-8-sig"):
        return "utf-8"
    decoder = codecs.getincrementaldecoder("utf-8")()
    plain = True
    try:
        for chunk in content():
            if b"\0" in chunk:
                return how.named
            plain = decoder.decode(chunk).isascii() and plain
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return how.named
    if plain:
        return how.named
    how.use(place, "utf-8", f"is UTF-8, and read so, not as {how.named}")
    return "utf-8"


def _wide(head: bytes) -> str | None:
    """UTF-16 without a byte order mark: the byte order in which it is a text with some ASCII."""
    head = head[: min(len(head), _HEAD) // 2 * 2]
    with contextlib.suppress(UnicodeDecodeError):
        narrow = codecs.getincrementaldecoder("utf-8")().decode(head)
        # UTF-16 that is ASCII but for its zero bytes has as many of them as of others; in that of
        # Devanagari, every other byte is 9, a tab.
        rare = max(head.count(0), head.count(9)) * 4 < len(head)
        if rare and not _controls(narrow) - {"\0"}:
            return None
    for order in ("utf-16-le", "utf-16-be"):
        text = head.decode(order, "replace").removesuffix("\ufffd")  # cut within a character
        if not _controls(text) and "\ufffd" not in text and any(c.isascii() for c in text):
            return order
    return None


def _controls(text: str) -> set[str]:
    """The characters of ``text`` that texts do not have."""
    found = {c for c in {*text} - {*"\t\n\r"} if unicodedata.category(c).startswith("C")}
    return found - _FORMATS


def _utf8_or_else(
    chunks: Iterator[bytes], content: Opened, place: str, how: Decoding
) -> Iterator[str]:
    """UTF-8 as long as it is; from the first chunk that is not, what the file seems to be."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, plain, done = 1, True, 0
    for chunk in itertools.chain(chunks, [b""]):
        if plain and any(shift in chunk for shift in _SHIFTS):
            raise LaminaError(
                "seems to be in an encoding of seven bits, such as ISO-2022-JP. Name it: "
                "encoding='iso2022_jp', say.",
                place=f"{place}:{line}",
            )
        try:
            text = decoder.decode(chunk, not chunk)
        except UnicodeDecodeError as error:
            at = line + error.object.count(b"\n", 0, error.start)
            if not plain:
                raise _mixed(place, at, error.object[error.start]) from None
            yield from _strict(content, place, _detected(content, place, at, how), how, done)
            return
        _refuse_zeros(text, place, line)
        plain = plain and text.isascii()
        line += chunk.count(b"\n")
        done += len(text)  # in bytes, as long as all is ASCII
        if text:
            yield text


def _refuse_zeros(text: str, place: str, line: int) -> None:
    if (zero := text.find("\0")) >= 0:
        raise LaminaError(
            "got a zero byte; need text. Is this a binary file, or UTF-16?",
            place=f"{place}:{line + text.count(chr(10), 0, zero)}",
        )


def _mixed(place: str, line: int, byte: int) -> LaminaError:
    return LaminaError(
        f"byte 0x{byte:02x} is not UTF-8, though the file is elsewhere. Mend this line, or name "
        "the encoding of the file: encoding=...",
        place=f"{place}:{line}",
    )


def _detected(content: Opened, place: str, line: int, how: Decoding) -> str:
    """The encoding of a file that is not UTF-8, first in ``line``.

    Raises:
        LaminaError: It is not certain.
    """
    # UTF-16 shows by itself: this file is not.
    if how.stored is not None and not how.stored.lower().startswith(("utf", "u16", "u32")):
        note = f"is not UTF-8; reads {how.stored}, as the training data"
        how.use(place, how.stored, note)
        return how.stored
    sample, utf8, others, strong = _sample(content)
    if strong > 0.01 * (utf8 + others) or 4 * utf8 >= utf8 + others:
        raise LaminaError(
            "is not UTF-8, though other lines are. Mend this line, or name the encoding of the "
            "file: encoding=...",
            place=f"{place}:{line}",
        )
    verdict = detect.detect(sample)
    first = verdict.encodings[0] if verdict.encodings else "latin-1"
    if not verdict.certain:
        raise LaminaError(
            f"is not UTF-8; could be {detect.names(verdict.encodings[:4]) or 'many encodings'}. "
            f"Name the encoding: encoding={first!r}, say.",
            place=f"{place}:{line}",
        )
    doubt = f"not certain: {detect.names(verdict.encodings[1:4])} is possible"
    sure = "no other is likely" if verdict.clear else doubt
    how.use(
        place,
        first,
        f"is not UTF-8; read as {detect.names([first])}, as it seems to be ({sure}). To choose, "
        "give encoding=",
    )
    return first


def _sample(content: Opened) -> tuple[bytes, int, int, int]:
    """Lines beyond ASCII, at most :data:`lamina.data.read.detect.SAMPLE` bytes; and of these, how
    many are UTF-8, how many are not, and how many are UTF-8 with so many characters that this is no
    chance."""
    lines: list[bytes] = []
    size = utf8 = others = strong = 0
    rest = b""
    for chunk in content():
        *whole, rest = (rest + chunk).split(b"\n") if not chunk.isascii() else (rest, chunk)
        for line in whole:
            if line.isascii() or size >= detect.SAMPLE:
                continue
            lines.append(_short(line))
            size += len(lines[-1])
        if size >= detect.SAMPLE:
            break
    else:
        lines += [] if rest.isascii() else [_short(rest)]
    for line in lines:
        try:
            text = line.decode()
        except UnicodeDecodeError:
            others += 1
        else:
            utf8 += 1
            strong += sum(ord(c) > 127 for c in text) >= 4
    return b"\n".join(lines), utf8, others, strong


def _short(line: bytes) -> bytes:
    """A line of at most the sample's size, cut at a byte that is no part of another character."""
    if len(line) <= detect.SAMPLE:
        return line
    end = next((i for i in range(detect.SAMPLE, 0, -1) if line[i] < 0x30), detect.SAMPLE)
    return line[:end]


def _strict(
    content: Opened, place: str, encoding: str, how: Decoding, skip: int = 0
) -> Iterator[str]:
    """The text in this encoding, but for the first ``skip`` bytes, which are ASCII."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    for whole in itertools.chain(content(), [b""]):
        chunk = whole[skip:]
        line += whole.count(b"\n", 0, skip)
        skip -= len(whole) - len(chunk)
        try:
            text = decoder.decode(chunk, not whole)
        except UnicodeDecodeError as error:
            raise _undecodable(error, place, encoding, line, how) from None
        except UnicodeError as error:  # of UTF-16 and UTF-32, on their marks
            raise LaminaError(f"is not {encoding} ({error})", place=f"{place}:{line}") from None
        _refuse_zeros(text, place, line)
        line += text.count("\n")
        if text:
            yield text


def _undecodable(
    error: UnicodeDecodeError,
    place: str,
    encoding: str,
    line: int,
    how: Decoding,
) -> LaminaError:
    at = line + error.object[: error.start].decode(encoding, "ignore").count("\n")
    what = f"byte 0x{error.object[error.start]:02x} is not {encoding.removesuffix('-sig').upper()}"
    why = ", the encoding of the training data" if how.stored == encoding and not how.named else ""
    return LaminaError(
        f"{what}{why}. Name the encoding of the file: encoding=...",
        place=f"{place}:{at}",
    )
