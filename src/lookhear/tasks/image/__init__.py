"""Tasks on still pictures: one block each, the picture."""
