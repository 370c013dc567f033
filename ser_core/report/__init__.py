"""Tables and arrays to pictures and to the terminal."""
