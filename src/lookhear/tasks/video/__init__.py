"""Tasks on films: one module each."""
