"""The old place of :mod:`lamina.options`."""

from lamina.options import changed, struct_from

__all__ = ["changed", "struct_from"]
