"""Named tensors in a safetensors file that notices when it was cut or changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from lamina.spec import LaminaError
from lamina.store.atomic import write_bytes

#: The metadata entry that holds the digest of everything else in the file.
DIGEST = "sha256"
#: The one entry that is written: safetensors orders several at random, and equal contents are to
#: be equal files.
ENTRY = "lamina"


def save_tensors(
    path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> None:
    """Write ``tensors`` and ``metadata`` to ``path``, whole or not at all.

    Tensors may lie on any device and may share memory (tied weights are written twice).
    """
    plain = _separate(tensors)
    noted = {**metadata, DIGEST: digest(plain, metadata)}
    entry = json.dumps(noted, sort_keys=True, ensure_ascii=False)
    write_bytes(path, safetensors.torch.save(plain, {ENTRY: entry}))


def load_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of ``path``, on the CPU, and its metadata (without the digest).

    Raises :class:`LaminaError` where the file is missing, cut, changed or not safetensors.
    """
    place = str(path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise LaminaError(f"cannot be read: {error.strerror}", place=place) from None
    try:
        # The clone moves each tensor to memory that is aligned as torch aligns its own, so that
        # vectorised sums over it come out the same to the last bit.
        tensors = {name: tensor.clone() for name, tensor in safetensors.torch.load(data).items()}
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        metadata = dict(json.loads(header.get("__metadata__", {}).get(ENTRY, "{}")))
    except (safetensors.SafetensorError, ValueError, LookupError, RuntimeError, TypeError):
        raise LaminaError(
            "is not a whole safetensors file; it was cut short or is something else. "
            "Copy it again, or train again.",
            place=place,
        ) from None
    written = metadata.pop(DIGEST, None)
    if written is None:
        raise LaminaError(f"has no {DIGEST} in its metadata; lamina did not write it", place=place)
    if written != digest(tensors, metadata):
        raise LaminaError(
            f"was changed after it was written: its content does not match its {DIGEST}. "
            "Copy it again, or train again.",
            place=place,
        )
    return tensors, metadata


def digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """The sha256 over names, types, shapes and bytes of all tensors, and over the metadata."""
    sha = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        sha.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def _separate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous tensors on the CPU, each with memory of its own, as the format wants them."""
    plain: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        memory = tensor.untyped_storage().data_ptr()
        plain[name] = tensor.clone() if memory in seen else tensor
        seen.add(memory)
    return plain
