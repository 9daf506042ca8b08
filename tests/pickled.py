"""Functions to be pickled: a pickle names a function by its module, and imports that."""

import numpy as np

import tinygrad_np as tg


def cube_sum(x):
    return np.sum(x**3)


@tg.grad
def slope(x):
    return np.sum(np.sin(x))


class Model:
    scale = 2.0

    @tg.value_and_grad
    def static(x):
        return np.sum(x**2)

    def loss(self, x):
        return np.sum(self.scale * x**2)
