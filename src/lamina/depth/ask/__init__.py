"""The question of a depth search: which networks are compared, on what data, at what cost."""
