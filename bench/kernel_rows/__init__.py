"""The rows of ``bench/kernels.py``, one file per kind of work.

A *row* builds its *sides*: callables that do the same work with the same numbers. Their results
are checked against each other, and then they are timed in turn (``contest.py``).
"""
