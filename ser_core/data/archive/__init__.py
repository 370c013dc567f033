"""Listing an archive; call identity and metadata from paths."""
