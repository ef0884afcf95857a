"""The folder of a run: its files, lock, status, record, log and environment."""
