"""The stack of any depth, its layers, and its drop-in forms."""
