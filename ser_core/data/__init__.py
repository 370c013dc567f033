"""Where bytes and rows are kept: storage, tables, the archive, upkeep."""
