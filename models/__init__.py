"""Models as plain functions: `init` makes the parameters, `apply` uses them."""
