"""From scores to a depth: statistics on plain numbers, without files or torch."""
