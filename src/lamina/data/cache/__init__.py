"""Large files made into arrays once, kept on disk, and read where they lie."""
