"""What the studies share: trainings that are kept, intervals, charts, and the page of claims."""
