"""Making the training runs of a search: who has which, what came of it, and where."""
