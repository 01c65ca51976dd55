"""HTTP: one file for each contract, over one app."""
