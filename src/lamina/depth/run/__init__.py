"""Making the training runs of a search: who has claimed which, their results, and where these
are."""
