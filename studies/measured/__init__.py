"""What the studies share: training runs whose results are kept, and the timing of steps."""
