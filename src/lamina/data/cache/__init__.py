"""Large files converted to arrays once, stored on disk and memory-mapped."""
