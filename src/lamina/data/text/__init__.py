"""Text to numbers and back, in any script."""
