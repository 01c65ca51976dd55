"""Accuracy against ground truth: python -m evals."""
