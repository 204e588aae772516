"""Files on disk: atomic writes, tensors with checksums, the run folder.

Importing this package does not load torch; nor does reading a run folder, except its tensors.
"""

from lamina.store.folder import FORMAT, RunFolder
from lamina.store.lock import hold
from lamina.store.tensors import load_tensors, save_tensors
from lamina.store.versions import versions

__all__ = ["FORMAT", "RunFolder", "hold", "load_tensors", "save_tensors", "versions"]
