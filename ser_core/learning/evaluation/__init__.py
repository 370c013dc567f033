"""What the jobs say of calls whose truth is known."""
