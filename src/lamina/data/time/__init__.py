"""Timestamps, and tables of timestamped rows."""
