"""Benchmarks of whole runs and commands, which are started as processes."""
