"""Recordings: samples, log-mel features, augmentation."""
