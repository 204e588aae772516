"""From scores at each step to tokens."""
