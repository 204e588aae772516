"""Classification: one label, or several, for a text or a numeric sequence."""
