"""Programs to run: `python -m examples.NAME`, each with `--help`."""
