"""Measurements against other libraries: `python -m benchmarks.NAME`, each with `--help`."""
