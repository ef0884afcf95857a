"""The report over runs: a row a configuration, seeds, differences with their significance."""
