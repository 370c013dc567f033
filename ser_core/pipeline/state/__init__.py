"""What has been done: which recordings count, inputs, moves, runs."""
