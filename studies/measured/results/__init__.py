"""From figures to words: intervals, verdicts, charts, and the page of claims."""
