"""Files on disk, whole or not at all: atomic writes, checked tensors, the run folder.

Importing this package, and reading all of a run folder but its tensors, loads no torch.
"""

from lamina.store.folder import FORMAT, RunFolder
from lamina.store.lock import hold
from lamina.store.tensors import load_arrays, load_tensors, save_tensors
from lamina.store.versions import versions

__all__ = ["FORMAT", "RunFolder", "hold", "load_arrays", "load_tensors", "save_tensors", "versions"]
