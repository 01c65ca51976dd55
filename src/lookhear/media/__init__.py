"""Bytes to media: what a file is, its digests, its sound. Knows limits; knows no task and no model."""
