"""Named tensors in a safetensors file with a digest, so that damage is detected.

Writing, and reading as torch tensors, loads torch; checking a file does not. A file may come from a
stranger who made its digest fit: what the header says is checked against the size of the file, and
against what is needed, before any tensor takes memory.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from lamina.spec import LaminaError
from lamina.store.atomic import write_bytes
from lamina.store.regular import open_regular

if TYPE_CHECKING:
    from torch import Tensor

#: The metadata entry that holds the digest of everything else in the file.
DIGEST = "sha256"
#: The only metadata entry: safetensors writes several in random order, and equal contents should
#: give equal files.
ENTRY = "lamina"
#: The longest header of the format.
MOST_HEADER = 100_000_000
#: Bytes that are hashed at a time.
_CHUNK = 1 << 20

#: safetensors' name of each type; torch's, which the digest holds; and its bytes.
_TYPES = {
    "BOOL": ("torch.bool", 1),
    "U8": ("torch.uint8", 1),
    "U16": ("torch.uint16", 2),
    "U32": ("torch.uint32", 4),
    "U64": ("torch.uint64", 8),
    "I8": ("torch.int8", 1),
    "I16": ("torch.int16", 2),
    "I32": ("torch.int32", 4),
    "I64": ("torch.int64", 8),
    "F8_E4M3": ("torch.float8_e4m3fn", 1),
    "F8_E4M3FNUZ": ("torch.float8_e4m3fnuz", 1),
    "F8_E5M2": ("torch.float8_e5m2", 1),
    "F8_E5M2FNUZ": ("torch.float8_e5m2fnuz", 1),
    "F16": ("torch.float16", 2),
    "BF16": ("torch.bfloat16", 2),
    "F32": ("torch.float32", 4),
    "F64": ("torch.float64", 8),
    "C64": ("torch.complex64", 8),
}
_NAMES = frozenset(name for name, _ in _TYPES.values())

_Natural = Annotated[int, Meta(ge=0)]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tensor in the header of a file.

    Attributes:
        dtype: safetensors' name of its type.
        shape: its sizes.
        data_offsets: where its bytes begin and end.
    """

    dtype: str
    shape: Annotated[tuple[_Natural, ...], Meta(max_length=64)]
    data_offsets: tuple[_Natural, _Natural]

    @property
    def kind(self) -> str:
        """torch's name of its type: ``torch.float32``."""
        return _TYPES[self.dtype][0]

    @property
    def bytes(self) -> int:
        """What its shape takes."""
        return math.prod(self.shape) * _TYPES[self.dtype][1]

    def like(self, device: str = "meta") -> Tensor:
        """A tensor of its type and shape; without memory unless ``device`` says where."""
        import torch

        dtype = getattr(torch, self.kind.removeprefix("torch."))
        return torch.empty(self.shape, dtype=dtype, device=device)

    def __str__(self) -> str:
        return f"{self.kind.removeprefix('torch.')} {self.shape}"


def save_tensors(
    path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> None:
    """Write ``tensors`` and ``metadata`` to ``path``, completely or not at all.

    Tensors may be on any device and may share memory (tied weights are written twice).

    Raises:
        LaminaError: The file cannot be written, or a tensor is of a type that it cannot hold.
    """
    import safetensors.torch
    import torch

    for name, tensor in tensors.items():
        if str(tensor.dtype) not in _NAMES:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise LaminaError(
                f"tensor {name!r} is {kind}, which safetensors files do not hold; convert it first",
                place=str(path),
            )
    plain = _separate(tensors)
    sha = _digest_of(metadata)
    for name, t in sorted(plain.items()):
        sha.update(_line(name, str(t.dtype), t.shape))
        sha.update(t.reshape(-1).view(torch.uint8).numpy().data)
    noted = {**metadata, DIGEST: sha.hexdigest()}
    entry = json.dumps(noted, sort_keys=True, ensure_ascii=False)
    write_bytes(path, safetensors.torch.save(plain, {ENTRY: entry}))


def load_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of ``path``, on the CPU, and its metadata (without the digest).

    Raises:
        LaminaError: The file is missing, truncated, altered or not safetensors.
    """
    with TensorFile(path) as file:
        return file.read(), file.metadata


class TensorFile:
    """A file whose header was read, and describes exactly the bytes that follow it. A context
    manager, which closes the file.

    Attributes:
        place: Its path, for messages.
        metadata: What :func:`save_tensors` was given; as reliable as the digest once :meth:`check`
            or :meth:`read` has returned.
        entries: What each tensor is, by name.

    Raises:
        LaminaError: The file is missing, truncated, or not safetensors that lamina wrote.
    """

    def __init__(self, path: str | Path):
        self.place = str(path)
        try:
            self._file = open_regular(path)
        except OSError as error:
            raise LaminaError(f"cannot be read: {error.strerror}", place=self.place) from None
        try:
            self._read_header()
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
            self._file.close()
            raise _broken(self.place) from None
        if self._written is None:
            self._file.close()
            raise LaminaError(
                f"has no {DIGEST} in its metadata; lamina did not write it", place=self.place
            )

    def __enter__(self) -> TensorFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _read_header(self) -> None:
        size = os.fstat(self._file.fileno()).st_size
        if size < 8:
            raise ValueError("no header")
        length = int.from_bytes(self._file.read(8), "little")
        self._start = 8 + length
        if length > MOST_HEADER or self._start > size:
            raise ValueError("no header")
        header = msgspec.json.decode(self._file.read(length), type=dict[str, msgspec.Raw])
        noted = msgspec.json.decode(header.pop("__metadata__", b"{}"), type=dict[str, str])
        self.metadata = msgspec.json.decode(noted.get(ENTRY, "{}"), type=dict[str, str])
        self._written = self.metadata.pop(DIGEST, None)
        self.entries = {
            name: msgspec.json.decode(header[name], type=Entry) for name in sorted(header)
        }
        end = 0  # tensors lie one after another, and fill the file
        for entry in sorted(self.entries.values(), key=lambda entry: entry.data_offsets):
            first, last = entry.data_offsets
            if entry.dtype not in _TYPES or first != end or last - first != entry.bytes:
                raise ValueError("not the bytes of its tensors")
            end = last
        if self._start + end != size:
            raise ValueError("cut short")

    def check(self) -> None:
        """Check the content against the digest, with little memory.

        Raises:
            LaminaError: The file was altered.
        """
        buffer = memoryview(bytearray(_CHUNK))

        def pieces(name: str, entry: Entry) -> Iterable[memoryview]:
            left = entry.bytes
            while left:
                piece = buffer[: min(left, _CHUNK)]
                self._fill(piece)
                yield piece
                left -= len(piece)

        self._digest(pieces)

    def read(self, like: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """The tensors, on the CPU.

        Args:
            like: What is needed: a tensor of the same type and shape for each name, of which only
                these are looked at; ``None``: whatever the file holds.

        Raises:
            LaminaError: The file was altered, or it does not hold what is needed; in that case
                nothing was read.
        """
        import torch

        if like is not None:
            self.fits(like)
        tensors: dict[str, Tensor] = {}

        def whole(name: str, entry: Entry) -> Iterable[memoryview]:
            tensors[name] = entry.like("cpu")
            content = tensors[name].reshape(-1).view(torch.uint8).numpy().data
            self._fill(content)
            yield content

        self._digest(whole)
        return tensors

    def fits(self, like: Mapping[str, Tensor]) -> None:
        """Refuse a file that does not hold tensors ``like`` these, and no others.

        Raises:
            LaminaError: with the first that differs.
        """
        need = {name: describe(tensor) for name, tensor in like.items()}
        got = {name: str(entry) for name, entry in self.entries.items()}
        for name in sorted(need.keys() | got.keys()):
            if need.get(name) != got.get(name):
                raise LaminaError(
                    f"tensor {name!r} is {got.get(name, 'missing')}; need "
                    f"{need.get(name, 'no such tensor')}. It does not belong to this run's "
                    "config.json.",
                    place=self.place,
                )

    def _fill(self, content: memoryview) -> None:
        if self._file.readinto(content) != len(content):  # type: ignore[attr-defined]
            raise _broken(self.place)

    def _digest(self, pieces: Callable[[str, Entry], Iterable[memoryview]]) -> None:
        sha = _digest_of(self.metadata)
        try:
            for name, entry in self.entries.items():
                sha.update(_line(name, entry.kind, entry.shape))
                self._file.seek(self._start + entry.data_offsets[0])
                for piece in pieces(name, entry):
                    sha.update(piece)
        except OSError as error:
            raise LaminaError(f"cannot be read: {error.strerror}", place=self.place) from None
        if self._written != sha.hexdigest():
            raise LaminaError(
                f"was changed after it was written: its content does not match its {DIGEST}. "
                "Copy it again, or train again.",
                place=self.place,
            )


def describe(tensor: Tensor) -> str:
    """What a tensor is, in words: ``float32 (8, 4)``."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _digest_of(metadata: Mapping[str, str]) -> Any:
    """The sha256 over the metadata, for :func:`_line` and the bytes of each tensor, by name, to be
    added."""
    return hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())


def _line(name: str, kind: str, shape: Iterable[int]) -> bytes:
    return json.dumps([name, kind, list(shape)]).encode()


def _broken(place: str) -> LaminaError:
    return LaminaError(
        "is not a whole safetensors file; it was cut short or is something else. "
        "Copy it again, or train again.",
        place=place,
    )


def _separate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous tensors on the CPU, each with its own memory, as the format requires."""
    plain: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        memory = tensor.untyped_storage().data_ptr()
        plain[name] = tensor.clone() if memory in seen else tensor
        seen.add(memory)
    return plain
