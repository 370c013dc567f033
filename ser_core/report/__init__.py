"""Tables and arrays → pictures, pages and terminal output."""
