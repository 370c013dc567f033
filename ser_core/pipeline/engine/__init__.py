"""The Spark session, and how tables and work reach tasks."""
