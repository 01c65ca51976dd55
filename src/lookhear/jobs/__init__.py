"""Kept requests to analyse: the job, its store, the workers that do it, uploads in waiting, and what happens to jobs."""
