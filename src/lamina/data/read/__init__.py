"""Files as people have them, read without a guess: every error names its line.

:mod:`~lamina.data.read.registry` says which format reads which file,
:mod:`~lamina.data.read.shapes` what a file gives, and ``formats/`` holds a file for each format.
"""
