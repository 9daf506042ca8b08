"""What all tests share."""

import os

import pytest

from tests import browser

# TensorFlow reads it when a test first imports it.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium, one for all tests; see `tests.browser`."""
    driver = browser.start()
    yield driver
    driver.quit()
