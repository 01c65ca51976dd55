"""Many machines, many files: the same analysis as stages of Ray Data, and rows in Parquet that a broken run goes on from."""
