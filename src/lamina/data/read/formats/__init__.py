"""One file a format. :mod:`lamina.data.read.registry` says which suffix each one reads."""
