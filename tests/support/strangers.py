"""Run folders as a stranger would forge them: contents changed, checksums made to fit.

A :class:`Forgery` is one change with a name. :func:`forgeries` lists all that there are for a run
folder; each is written into a copy of it.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lamina.store import load_tensors
from lamina.store.tensors import DIGEST, ENTRY

#: How safetensors names the types that are written here.
_TYPES = {
    torch.float16: "F16", torch.float32: "F32", torch.float64: "F64", torch.int32: "I32",
    torch.int64: "I64", torch.uint8: "U8", torch.bool: "BOOL", torch.bfloat16: "BF16",
    torch.complex64: "C64",
}  # fmt: skip


class Raw:
    """Text that stands in JSON as it is."""

    def __init__(self, text: str):
        self.text = text


#: What stands in place of a value.
VALUES: dict[str, Any] = {
    "null": None, "true": True, "false": False, "0": 0, "1": 1, "-1": -1, "2": 2, "1000": 1000,
    "2**31": 2**31, "2**63": 2**63, "-2**63-1": -(2**63) - 1, "2**70": 2**70, "10**400": 10**400,
    "0.5": 0.5, "-0.5": -0.5, "1e300": 1e300, "1e400": Raw("1e400"), "NaN": Raw("NaN"),
    "-Infinity": Raw("-Infinity"),
    "empty text": "", "text": "x", "number as text": "7", "NUL": "a\0b", "line end": "a\nb",
    "surrogate": Raw('"\\ud800"'), "long text": "x" * 100_000, "path": "../../etc/passwd",
    "list": [], "list of null": [None], "list of numbers": [1, 2], "list of texts": ["a", "b"],
    "list of lists": [[]], "object": {}, "object of null": {"x": None},
    "object of object": {"a": {"b": {}}}, "many": [0] * 10_000,
    "deep list": Raw("[" * 100_000 + "]" * 100_000),
    "less deep": Raw("[" * 600 + "]" * 600),
    "deep object": Raw('{"a":' * 100_000 + "1" + "}" * 100_000),
}  # fmt: skip


def text_of(value: Any) -> str:
    """JSON, with every :class:`Raw` as it is."""
    raws: list[str] = []

    def plain(other: object) -> str:
        assert isinstance(other, Raw)
        raws.append(other.text)
        return f"@raw{len(raws) - 1}@"

    text = json.dumps(value, default=plain)
    for number, raw in enumerate(raws):
        text = text.replace(f'"@raw{number}@"', raw)
    return text


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """A safetensors file of any names, with a digest that fits wherever there can be one."""
    entries, content = {}, b""
    sha = hashlib.sha256()
    parts = []
    for name, tensor in sorted(tensors.items()):
        data = bytes(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
        entries[name] = {
            "dtype": _TYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(content), len(content) + len(data)],
        }
        content += data
        parts.append((json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode(), data))
    text = text_of(metadata)
    try:
        read = json.loads(text)
        sha.update(json.dumps(read, sort_keys=True).encode())
    except RecursionError:  # whoever reads it cannot check it either
        pass
    for head, data in parts:
        sha.update(head)
        sha.update(data)
    if text == "{}":
        text = json.dumps({DIGEST: sha.hexdigest()})
    elif text.endswith("}"):
        text = text[:-1] + f', "{DIGEST}": "{sha.hexdigest()}"' + "}"
    header = json.dumps({"__metadata__": {ENTRY: text}, **entries}).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(len(header).to_bytes(8, "little") + header + content)


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to each value within a JSON value; of long lists, to the first two entries."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from nodes(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(min(len(value), 2)):
            yield from nodes(value[index], (*path, index))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value at ``path``."""
    if not path:
        return new
    found = copy.copy(value)
    found[path[0]] = replaced(found[path[0]], path[1:], new)
    return found


def without(value: Any, path: tuple[Any, ...]) -> Any:
    """A copy without what is at ``path``."""
    found = copy.copy(value)
    if len(path) == 1:
        del found[path[0]]
    else:
        found[path[0]] = without(found[path[0]], path[1:])
    return found


def at(value: Any, path: tuple[Any, ...]) -> Any:
    """What is at ``path``."""
    for key in path:
        value = value[key]
    return value


def changes_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Everything that is done to a JSON value: the name of the change, and what comes of it."""
    for path in nodes(value):
        where = "/".join(map(str, path)) or "all"
        for name, new in VALUES.items():
            yield f"{where} = {name}", replaced(value, path, new)
        if path:
            yield f"{where} left out", without(value, path)
        inside = at(value, path)
        if isinstance(inside, dict):
            yield f"{where} with one more", replaced(value, path, {**inside, "more": 1})
        if isinstance(inside, list) and inside:
            yield f"{where} twice", replaced(value, path, inside + inside)
            yield f"{where} repeated", replaced(value, path, [inside[0]] * len(inside))
        if isinstance(inside, int | float) and not isinstance(inside, bool):
            yield f"{where} as text", replaced(value, path, str(inside))
            yield f"{where} negative", replaced(value, path, -inside - 1)
            yield f"{where} larger", replaced(value, path, inside + 1)
            yield f"{where} much larger", replaced(value, path, inside * 10**6 + 10**6)


def tensor_changes(tensors: dict[str, Tensor]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Everything that is done to tensors."""
    for name, tensor in tensors.items():
        rest = {key: value for key, value in tensors.items() if key != name}
        yield f"{name} left out", rest
        yield f"{name} renamed", {**rest, name + "x": tensor}
        for odd in ("a\0b", "", "\ud800", name + ".0", "optimizer.x.y", "state.x.h", "state.0.q"):
            yield f"{name} renamed {odd!r}", {**rest, odd: tensor}
        prefix = name.partition(".")[0]
        for end in ("", ".", ".more", ".99.exp_avg", ".-1.step", ".5.h", f".{10**20}.h"):
            yield f"{prefix}{end} beside {name}", {**tensors, prefix + end: tensor}
        yield f"{name} has nothing", {**tensors, name: tensor.reshape(-1)[:0]}
        yield f"{name} has no axes", {**tensors, name: torch.zeros((), dtype=tensor.dtype)}
        yield f"{name} flat", {**tensors, name: tensor.reshape(-1)}
        yield f"{name} one axis more", {**tensors, name: tensor[None]}
        yield f"{name} longer", {**tensors, name: torch.cat((tensor.reshape(-1),) * 2)}
        if tensor.ndim:
            yield f"{name} one row more", {**tensors, name: torch.cat((tensor, tensor[:1]))}
        for kind in _TYPES:
            if kind != tensor.dtype:
                plain = torch.zeros_like(tensor, dtype=kind)
                yield f"{name} as {kind}", {**tensors, name: plain}
        if tensor.is_floating_point():
            for odd in (float("nan"), float("inf"), 1e30, -1.0):
                yield f"{name} full of {odd}", {**tensors, name: torch.full_like(tensor, odd)}
        elif tensor.numel() and tensor.dtype != torch.bool:
            for odd in (255, 0):
                yield f"{name} full of {odd}", {**tensors, name: torch.full_like(tensor, odd)}


@dataclass(frozen=True)
class Forgery:
    """A change of a run folder.

    Attributes:
        name: what is changed, for messages.
        write: writes it into a copy of the folder.
    """

    name: str
    write: Callable[[Path], None]


def _canonical_sha(model: Any) -> str:
    text = json.dumps(model, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _fit(run: Path) -> None:
    """Make the checksums in the weights file fit the other files."""
    path = run / "weights.safetensors"
    tensors, metadata = load_tensors(path)
    fitting: dict[str, Any] = dict(metadata)
    try:
        fitting["model"] = _canonical_sha(json.loads((run / "config.json").read_bytes())["model"])
    except (ValueError, LookupError, RecursionError, TypeError):
        return
    names = json.loads(metadata["assets"])
    sums = {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in names}
    fitting["assets"] = json.dumps(sums)
    write_tensors(path, tensors, fitting)


def forgeries(run: Path) -> Iterator[Forgery]:
    """All changes of what is in ``run``: a folder that is whole."""
    for name in sorted(file.name for file in run.glob("*.json")):
        value = json.loads((run / name).read_text("utf-8"))
        for change, new in changes_of(value):

            def write(folder: Path, name: str = name, new: Any = new) -> None:
                (folder / name).write_text(text_of(new), "utf-8")
                if (folder / "weights.safetensors").exists():
                    _fit(folder)

            yield Forgery(f"{name}: {change}", write)
    for name in sorted(file.name for file in run.glob("*.jsonl")):
        lines = (run / name).read_text("utf-8").splitlines()
        for change, new in changes_of(json.loads(lines[0])):

            def write_line(folder: Path, name: str = name, new: Any = new, lines=lines) -> None:
                (folder / name).write_text("\n".join([text_of(new), *lines[1:]]) + "\n")

            yield Forgery(f"{name}: {change}", write_line)
    for path in sorted(run.rglob("*.safetensors")):
        yield from _of_tensors(path, str(path.relative_to(run)))


def _of_tensors(path: Path, name: str) -> Iterator[Forgery]:
    tensors, metadata = load_tensors(path)

    def forge(change: str, tensors: dict[str, Tensor], metadata: Any) -> Forgery:
        def write(folder: Path) -> None:
            write_tensors(folder / name, tensors, metadata)
            for other in (folder / name).parent.glob("previous.safetensors"):
                if other.name != Path(name).name:
                    write_tensors(other, tensors, metadata)

        return Forgery(f"{name}: {change}", write)

    for change, new in tensor_changes(tensors):
        yield forge(change, new, metadata)
    for change, new in changes_of(metadata):
        yield forge(f"metadata {change}", tensors, new)
    for key, text in metadata.items():
        try:
            inside = json.loads(text)
        except ValueError:
            continue
        for change, new in changes_of(inside):
            yield forge(f"{key} {change}", tensors, {**metadata, key: text_of(new)})
