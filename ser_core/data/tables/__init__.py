"""What is stored: schemas (pyarrow only) and how tables are read and written."""
