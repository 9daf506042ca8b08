"""Data sets and mini-batches."""

from .batching import batches
from .datasets import load_fashion_mnist, load_mnist

__all__ = ["batches", "load_fashion_mnist", "load_mnist"]
