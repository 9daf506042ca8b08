"""Kernels compiled by numba, under the names and with the signatures of NumPy's next door.

Imported by `kernels.choice` alone, when the first of them is called: numba takes half a second to
load. What it compiles is kept on disk, beside these files or in the user's cache.
"""
