"""How good answers are, from counts that add up over batches."""
