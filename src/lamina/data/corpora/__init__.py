"""Published data sets by name: what each is, where its files are, and what they hold."""
