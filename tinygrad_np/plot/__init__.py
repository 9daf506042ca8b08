"""Matplotlib figures. They need no display, and leave pyplot's current figure alone.

Each function returns the figure, e.g. to `.savefig("name.png")` or to show in a notebook, and
draws on axes of one's own where they are given as `ax`.
"""

from .curves import history, loss_along
from .distributions import histograms
from .images import feature_maps, filters, saliency
from .predictions import confusion_matrix, worst_mistakes

__all__ = [
    "confusion_matrix",
    "feature_maps",
    "filters",
    "histograms",
    "history",
    "loss_along",
    "saliency",
    "worst_mistakes",
]
