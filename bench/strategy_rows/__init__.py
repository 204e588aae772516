"""The parts of ``bench/strategies.py``, one idea a file."""
