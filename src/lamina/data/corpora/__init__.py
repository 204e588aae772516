"""Published data sets by name: descriptions, locations of their files, and contents."""
