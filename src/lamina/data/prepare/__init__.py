"""Between reading and batching: splits, missing values, standardisation."""
