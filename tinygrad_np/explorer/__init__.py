"""The explorable page: see `explain`."""
