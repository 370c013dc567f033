"""Looking after the tables: forgetting calls, tracing one, keeping log tables in few files. No Spark."""
