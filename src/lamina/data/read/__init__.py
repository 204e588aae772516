"""Files as people have them, read without a guess: each error names its line."""
