"""Batches: what a network sees at one step of training."""
