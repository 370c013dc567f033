"""The state of the tables: recordings that count, inputs of derived tables, moved dates, runs."""
