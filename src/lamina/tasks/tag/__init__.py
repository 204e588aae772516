"""Sequence labelling: a label for every word of a sentence or residue of a protein."""
