"""Opening files that somebody names, or that came with a stranger's folder.

A name may be that of a pipe, which waits for a writer forever, of a device, which never ends, or of
a link to what is none of the folder's business: only regular files are opened, and of a folder only
its own.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from lamina.spec import LaminaError

#: More than any text file of a run or a search holds.
MOST_BYTES = 1 << 29

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def open_regular(path: str | Path) -> BinaryIO:
    """``open(path, "rb")`` of a regular file.

    Raises:
        OSError: As ``open`` does; or the file is of another kind, which ``strerror`` says.
    """
    # A pipe without a writer would block; a regular file does not notice.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        kind = stat.S_IFMT(os.fstat(handle).st_mode)
        if kind == stat.S_IFDIR:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if kind != stat.S_IFREG:
            what = _KINDS.get(kind, "of another kind")
            raise OSError(errno.EINVAL, f"it is {what}; need a regular file", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: str | Path, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file of at most ``most`` bytes.

    Raises:
        OSError: As :func:`open_regular`; or the file is larger.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"it has {size:,} bytes; need at most {most:,}", str(path))
        return file.read(size)  # files of /proc say that they have none, and may never end


def refuse_links(folder: str | Path, files: Iterable[str | Path]) -> None:
    """Refuse files of a folder that are links to somewhere else, or to nowhere.

    A stranger's folder could otherwise have a file read that is not its own, or written to. The
    folder itself may be a link.

    Raises:
        LaminaError: with the first such file.
    """
    inside = os.path.join(os.path.realpath(folder), "")
    for file in files:
        if not os.path.islink(file):
            continue
        target = os.path.realpath(file)
        if not target.startswith(inside) or not os.path.exists(target):
            raise LaminaError(
                "is a link that leads out of its folder or nowhere; need the file itself. Copy "
                "it there.",
                place=str(file),
            )
