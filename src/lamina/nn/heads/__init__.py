"""What turns a network's outputs into scores, losses and labels."""
