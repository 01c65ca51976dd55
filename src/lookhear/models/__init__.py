"""Weights: which there are, how they come here, and how they are kept in memory.

``card`` says what a model is, ``catalogue`` which are known, ``store`` which are installed. ``install`` brings them
in: ``fetch`` from mirrors, hubs, wheels; ``inspect`` before they count. ``sessions`` loads them once for all threads,
``runtimes`` are the only modules that import what runs them. ``shelf`` is what tasks and front doors see.
"""
