"""Reading data files, without guessing: every error names its line.

:mod:`~lamina.data.read.registry` maps files to formats, :mod:`~lamina.data.read.shapes` defines
what a reader returns, and ``formats/`` has one file per format.
"""
