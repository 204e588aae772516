"""The verdict for people: words, tables, charts, the report, and progress."""
