"""Tasks on sound: folds over blocks."""
