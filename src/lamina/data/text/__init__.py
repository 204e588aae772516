"""Encoding text as numbers and decoding it, in any script."""
