"""The cost of an archive, estimated from rates measured on this machine."""
