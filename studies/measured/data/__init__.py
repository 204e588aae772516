"""Data for the studies: cut-down, redrawn, noisy and made-up copies of corpora."""
