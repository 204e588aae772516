"""The run folder: everything one training run produced (docs/design.md, section 4)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lamina.spec import LaminaError
from lamina.store.atomic import TEMPORARY, append_line, whole_lines, write_json, write_text
from lamina.store.objects import parse_object, read_object, read_text
from lamina.store.regular import read_regular, refuse_links
from lamina.store.tensors import TensorFile, save_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from lamina.spec import Model

#: The version of the layout, in ``config.json``. Folders of other versions are rejected.
FORMAT = 1


class RunFolder:
    """The files of one run. Use :meth:`create` or :meth:`open`."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.config_file = self.path / "config.json"
        self.weights_file = self.path / "weights.safetensors"
        self.history_file = self.path / "history.jsonl"
        self.result_file = self.path / "result.json"
        self.checkpoint_folder = self.path / "checkpoint"
        self.checkpoint_file = self.checkpoint_folder / "current.safetensors"
        self.previous_checkpoint_file = self.checkpoint_folder / "previous.safetensors"

    @staticmethod
    def is_run(path: str | Path) -> bool:
        """Whether ``path`` is a run folder."""
        return (Path(path) / "config.json").is_file()

    @classmethod
    def create(cls, path: str | Path) -> RunFolder:
        """Create an empty run folder, with its parents.

        Raises:
            LaminaError: ``path`` is a file, or holds a run or other files.
        """
        run = cls(path)
        if cls.is_run(path):
            raise LaminaError(
                "already holds a run. Resume it, or choose another folder.", place=str(path)
            )
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            run.sweep()
            others = sorted(entry.name for entry in run.path.iterdir())
        except OSError as error:
            raise LaminaError(
                f"cannot become a run folder: {error.strerror}", place=str(path)
            ) from None
        if others:
            raise LaminaError(
                f"is not empty and not a run (it holds {others[0]!r}). Choose another folder.",
                place=str(path),
            )
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Open an existing run folder.

        Raises:
            LaminaError: There is no run at ``path``.
        """
        run = cls(path)
        run.config()
        return run

    def sweep(self) -> None:
        """Delete temporary files left by a killed process."""
        for folder in (self.path, self.checkpoint_folder):
            for file in folder.glob(f".*{TEMPORARY}"):
                file.unlink(missing_ok=True)

    # -- config.json and result.json

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write ``config.json``; ``format`` is added."""
        write_json(self.config_file, {"format": FORMAT, **config})

    def config(self) -> dict[str, Any]:
        """The contents of ``config.json``: ``format``, ``task``, ``model``, ``training``, ...

        Raises:
            LaminaError: The file is missing, malformed or of another version.
        """
        if not os.path.lexists(self.config_file):
            got = "not a run folder (no config.json)" if self.path.exists() else "no such folder"
            raise LaminaError(
                f"{got}; need the folder of a training run or a depth search.",
                place=str(self.path),
            )
        files = (self.config_file, self.weights_file, self.history_file, self.result_file)
        checkpoints = (self.checkpoint_file, self.previous_checkpoint_file)
        refuse_links(self.path, (*files, self.checkpoint_folder, *checkpoints))
        config = read_object(self.config_file)
        if config.get("format") != FORMAT:
            made_with = config.get("versions")
            version = made_with.get("lamina") if isinstance(made_with, dict) else None
            writer = f", written by lamina {version}" if version else ""
            raise LaminaError(
                f"has format {config.get('format')!r}{writer}; this lamina reads format {FORMAT}",
                place=str(self.config_file),
            )
        for part in ("task", "model"):
            if not isinstance(config.get(part), dict):
                raise LaminaError(f"has no {part!r} object", place=str(self.config_file))
        return config

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write ``result.json``, which marks the run as ended."""
        write_json(self.result_file, dict(result))

    def result(self) -> dict[str, Any] | None:
        """The contents of ``result.json``; ``None`` until the run has ended."""
        return read_object(self.result_file) if self.result_file.exists() else None

    # -- the model

    def save_model(self, model: Model) -> None:
        """Write the weights of ``model`` and its assets (text files such as the vocabulary).

        The weights file records the sha256 of the assets and of ``model.config()``, so that files
        that do not belong together are detected on reading.
        """
        assets = model.assets()
        for name, text in assets.items():
            self._write_asset(name, text)
        metadata = {
            "model": _sha256(_canonical(model.config())),
            "assets": json.dumps({name: _sha256(text) for name, text in sorted(assets.items())}),
        }
        save_tensors(self.weights_file, model.state_dict(), metadata)

    def load_model_files(self) -> tuple[dict[str, Any], dict[str, str], dict[str, Tensor]]:
        """What a model is restored from: ``config.json``, the assets by name, the tensors.

        Raises:
            LaminaError: A file is missing, truncated, altered or from another run.
        """
        with self.model_files() as (config, assets, weights):
            return config, assets, weights.read()

    def load_assets(self) -> tuple[dict[str, Any], dict[str, str]]:
        """``config.json`` and the assets by name: enough to read a model's input and decode its
        output. Does not load torch.

        Raises:
            LaminaError: As :meth:`load_model_files`.
        """
        with self.model_files() as (config, assets, weights):
            weights.check()
            return config, assets

    def load_weights(self, model: Model) -> None:
        """Load the weights into ``model``; they are read once their shapes are known to fit.

        Raises:
            LaminaError: As :meth:`load_model_files`; or they do not fit.
        """
        with self.model_files() as (_, _, weights):
            model.load_state_dict(weights.read(like=model.state_dict()))

    @contextmanager
    def model_files(self) -> Iterator[tuple[dict[str, Any], dict[str, str], TensorFile]]:
        """``config.json``, the assets by name, and the open file of the weights, of which only the
        header was read.

        Raises:
            LaminaError: As :meth:`load_model_files`.
        """
        config = self.config()
        if not self.weights_file.exists():
            raise LaminaError(
                "has no weights.safetensors yet: it ended before its first evaluation. Resume it.",
                place=str(self.path),
            )
        with TensorFile(self.weights_file) as weights:
            if weights.metadata.get("model") != _sha256(_canonical(config["model"])):
                raise LaminaError(
                    "was changed after training, or belongs to another run: its model is not the "
                    "one of weights.safetensors",
                    place=str(self.config_file),
                )
            try:
                sums = msgspec.json.decode(weights.metadata.get("assets", ""), type=dict[str, str])
            except (msgspec.MsgspecError, RecursionError):
                raise LaminaError(
                    "does not say which files belong to it; lamina did not write it",
                    place=str(self.weights_file),
                ) from None
            assets = {name: self._read_asset(name, sha) for name, sha in sums.items()}
            yield config, assets, weights

    def _write_asset(self, name: str, text: str) -> None:
        file = self._asset_file(name)
        # Assets do not change during a run: they are written once, before the first weights.
        if not file.exists() or read_regular(file) != text.encode():
            write_text(file, text)

    def _read_asset(self, name: str, sha: str) -> str:
        file = self._asset_file(name)
        refuse_links(self.path, [file])
        text = read_text(file)
        if _sha256(text) != sha:
            raise LaminaError(
                "was changed after training, or belongs to another run: its content does not "
                "match the sha256 in weights.safetensors",
                place=str(file),
            )
        return text

    def _asset_file(self, name: str) -> Path:
        # The name may come from a stranger's file; it must not point outside the folder.
        plain = name == os.path.basename(name) and name.isprintable() and "\\" not in name
        if not name or not plain or name.startswith("."):
            raise LaminaError(f"{name!r} is not a plain file name", place=str(self.weights_file))
        return self.path / name

    # -- history.jsonl

    def append_history(self, line: Mapping[str, Any]) -> None:
        """Append one evaluation to ``history.jsonl``."""
        append_line(self.history_file, json.dumps(line, ensure_ascii=False, allow_nan=False))

    def write_history(self, lines: list[dict[str, Any]]) -> None:
        """Replace the whole history with ``lines``, for a resumed run."""
        texts = (json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
        write_text(self.history_file, "".join(texts))

    def history(self) -> list[dict[str, Any]]:
        """One object per evaluation, oldest first; an incomplete last line is skipped.

        Raises:
            LaminaError: A complete line is malformed; with its number.
        """
        if not self.history_file.exists():
            return []
        try:
            lines = whole_lines(self.history_file)
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            raise LaminaError(message, place=str(self.history_file)) from None
        except UnicodeDecodeError:
            raise LaminaError("is not UTF-8 text", place=str(self.history_file)) from None
        return [
            parse_object(text, f"{self.history_file}:{number}")
            for number, text in enumerate(lines, start=1)
        ]

    # -- checkpoint/

    def drop_checkpoints(self) -> None:
        """Delete the checkpoints, which a finished run does not need."""
        shutil.rmtree(self.checkpoint_folder, ignore_errors=True)


def _canonical(obj: Any) -> str:
    """The same text for equal JSON values, whether or not they have been through a file."""
    obj = json.loads(json.dumps(obj))
    return json.dumps(obj, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
