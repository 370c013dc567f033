"""What an archive will cost: rates measured on this machine, and arithmetic."""
