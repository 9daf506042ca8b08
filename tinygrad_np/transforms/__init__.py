"""Functions that take a function: gradients, products with the Jacobian, recomputation, checks."""
