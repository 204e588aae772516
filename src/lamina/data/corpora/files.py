"""The files of a corpus: found locally or downloaded, and verified."""

from __future__ import annotations

import difflib
import gzip
import hashlib
import os
import zlib
from pathlib import Path

from lamina.data.corpora.download import download
from lamina.data.corpora.table import CORPORA, Corpus, CorpusFile
from lamina.spec import LaminaError
from lamina.store.cache import cache_folder


def find(name: str, *, cache: Path | None = None, url: str | None = None) -> dict[str, Path]:
    """The files of a corpus by role (see :data:`lamina.data.CORPORA`), downloaded if necessary.

    Files are looked up in ``$LAMINA_DATA/<folder>``, then in the cache (``cache``, or
    ``$LAMINA_CACHE``, or ``lamina`` in the user's cache folder); missing ones are downloaded into
    the cache. Every file is verified by its SHA-256, whether found or downloaded.

    Args:
        name: of the corpus.
        cache: the folder of downloads.
        url: a web folder with the files under their names, replacing their own URLs.

    Raises:
        LaminaError: the name is unknown, a file differs from the known one, or a download fails; a
            file that fails verification is not kept.
    """
    if name not in CORPORA:
        close = difflib.get_close_matches(name, CORPORA, n=1)
        raise LaminaError(
            f"no corpus {name!r}; the names are {', '.join(CORPORA)}."
            + (f" Did you mean {close[0]!r}?" if close else "")
        )
    corpus = CORPORA[name]
    return {role: _find(name, corpus, file, cache, url) for role, file in corpus.files.items()}


def _find(name: str, corpus: Corpus, file: CorpusFile, cache: Path | None, url: str | None) -> Path:
    data = os.environ.get("LAMINA_DATA")
    if data and (path := _stored(Path(data, corpus.folder), file)):
        if not _matches(path, file):
            raise LaminaError(
                f"this is not the {name} that lamina knows: its SHA-256 differs. Replace it by "
                f"the one from {corpus.source}, or take it away.",
                place=str(path),
            )
        return path
    folder = (cache or cache_folder()) / "corpora" / corpus.folder
    if (path := _stored(folder, file)) and _matches(path, file):
        return path
    address = f"{url.rstrip('/')}/{file.name}" if url else file.url
    if address is None:
        raise LaminaError(
            f"corpus {name!r} is not here and cannot be fetched. Get it from {corpus.source}; put "
            f"{file.name} (or {file.name}.gz) into a folder {corpus.folder!r} and set LAMINA_DATA "
            "to the folder above."
        )
    target = folder / file.name
    download(address, target, size_bytes=file.size_bytes, sha256=file.sha256)
    return target


def _stored(folder: Path, file: CorpusFile) -> Path | None:
    paths = (folder / file.name, folder / f"{file.name}.gz")
    return next((path for path in paths if path.is_file()), None)


def _matches(path: Path, file: CorpusFile) -> bool:
    digest = hashlib.sha256()
    left = file.size_bytes
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as content:
            # One extra byte proves that it is too long; this also stops a gzip bomb.
            while left >= 0 and (block := content.read(min(1 << 20, left + 1))):
                digest.update(block)
                left -= len(block)
    except (OSError, EOFError, zlib.error):
        return False
    return digest.hexdigest() == file.sha256
