"""Regression: one number for a text or a numeric sequence."""
