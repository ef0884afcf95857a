"""Evaluations, comparisons and reports of runs: what they read, compute and write."""
