"""The session, and the Arrow kernels that carry plain functions over partitions."""
