"""Draw a digit, and watch what the trained network makes of it: `python -m examples.draw_digit`."""
