"""From scores to a depth: statistics on plain numbers; neither files nor torch."""
