"""Pure functions and running states on arrays: spectra, filter banks, rhythm, keys, loudness. No input or output."""
