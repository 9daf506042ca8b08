"""What TensorFlow reads from the environment has to stand there before any test imports it."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
