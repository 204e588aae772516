"""Named tensors in a safetensors file with a digest, so that damage is detected.

Writing, and reading as torch tensors, loads torch; checking a file does not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


#: safetensors' name of each type, and torch's, which the digest holds.
_TYPES = {
    "BOOL": "torch.bool",
    "U8": "torch.uint8",
    "U16": "torch.uint16",
    "U32": "torch.uint32",
    "U64": "torch.uint64",
    "I8": "torch.int8",
    "I16": "torch.int16",
    "I32": "torch.int32",
    "I64": "torch.int64",
    "F8_E4M3": "torch.float8_e4m3fn",
    "F8_E4M3FNUZ": "torch.float8_e4m3fnuz",
    "F8_E5M2": "torch.float8_e5m2",
    "F8_E5M2FNUZ": "torch.float8_e5m2fnuz",
    "F16": "torch.float16",
    "BF16": "torch.bfloat16",
    "F32": "torch.float32",
    "F64": "torch.float64",
    "C64": "torch.complex64",
}


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
        if str(tensor.dtype) not in _TYPES.values():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise LaminaError(
                f"tensor {name!r} is {kind}, which safetensors files do not hold; convert it first",
                place=str(path),
            )
    plain = _separate(tensors)
    parts = (
        (name, str(t.dtype), list(t.shape), t.reshape(-1).view(torch.uint8).numpy().data)
        for name, t in sorted(plain.items())
    )
    noted = {**metadata, DIGEST: _digest(parts, metadata)}
    entry = json.dumps(noted, sort_keys=True, ensure_ascii=False)
    write_bytes(path, safetensors.torch.save(plain, {ENTRY: entry}))


def load_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of ``path``, on the CPU, and its metadata (without the digest).

    Raises:
        LaminaError: The file is missing, truncated, altered or not safetensors.
    """
    data, metadata = read_checked(path)
    return tensors_of(data, str(path)), metadata


def tensors_of(data: bytes, place: str) -> dict[str, Tensor]:
    """The torch tensors in the bytes that :func:`read_checked` returned."""
    import safetensors.torch

    try:
        # Cloning gives each tensor torch's own memory alignment, so that vectorised sums over it
        # are the same to the last bit.
        return {name: tensor.clone() for name, tensor in safetensors.torch.load(data).items()}
    except (safetensors.SafetensorError, ValueError, LookupError, RuntimeError, TypeError):
        raise _broken(place) from None


def read_checked(path: str | Path) -> tuple[bytes, dict[str, str]]:
    """The bytes and metadata of ``path``, after checking the content against its digest.

    Raises:
        LaminaError: The file is missing, truncated, altered or not safetensors.
    """
    place = str(path)
    try:
        with open_regular(path) as file:
            data = file.read()
    except OSError as error:
        raise LaminaError(f"cannot be read: {error.strerror}", place=place) from None
    try:
        start = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:start])
        metadata = dict(json.loads(header.pop("__metadata__", {}).get(ENTRY, "{}")))
        written = metadata.pop(DIGEST, None)
        found = _digest(_parts(header, memoryview(data)[start:]), metadata)
    except (ValueError, LookupError, RecursionError, TypeError, AttributeError):
        raise _broken(place) from None
    if written is None:
        raise LaminaError(f"has no {DIGEST} in its metadata; lamina did not write it", place=place)
    if written != found:
        raise LaminaError(
            f"was changed after it was written: its content does not match its {DIGEST}. "
            "Copy it again, or train again.",
            place=place,
        )
    return data, metadata


def _parts(
    header: Mapping[str, Any], content: memoryview
) -> Iterable[tuple[str, str, list[int], memoryview]]:
    """Name, type, shape and bytes of each tensor, by name."""
    ends = [entry["data_offsets"][1] for entry in header.values()]
    if max(ends, default=0) != len(content):
        raise ValueError("cut short")
    for name, entry in sorted(header.items()):
        first, last = entry["data_offsets"]
        yield name, _TYPES[entry["dtype"]], list(entry["shape"]), content[first:last]


def _digest(
    parts: Iterable[tuple[str, str, list[int], memoryview]], metadata: Mapping[str, str]
) -> str:
    """The sha256 over names, types, shapes and bytes of all tensors, and over the metadata."""
    sha = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for name, kind, shape, content in parts:
        sha.update(json.dumps([name, kind, shape]).encode())
        sha.update(content)
    return sha.hexdigest()


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
