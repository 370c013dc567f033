"""The Spark jobs: how the work reaches a cluster. The only room that knows Spark."""
