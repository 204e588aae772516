"""The question of a depth search: what is compared, on what, at what cost."""
