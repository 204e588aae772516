"""The parts of ``bench/strategies.py``, one topic per file."""
