"""What the tasks share that give one answer to a whole text or numeric sequence."""
