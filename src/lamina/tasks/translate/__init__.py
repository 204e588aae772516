"""Translation: from a text in one language to the same text in another."""
