"""A real browser for the tests of pages: headless Chromium, driven by selenium.

A test takes the fixture `chromium` and gives it to the functions here; it is skipped where there is
no Chromium (Debian: apt install chromium chromium-driver).
"""

import json
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest


def start():
    """A Chromium that finds no host but this machine; skips where there is none."""
    selenium = pytest.importorskip("selenium.webdriver", reason="a page needs selenium to be tried")
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("a page needs Chromium to be tried: apt install chromium chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = binary
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # With a path given, selenium looks for no driver to download.
    return selenium.Chrome(options, selenium.ChromeService(driver))


def visit(chromium, url, *, width=1280, height=900, dark=False):
    """Open a page in a window of this size in CSS pixels; forget the logs of the page before."""
    chromium.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    chromium.get("about:blank")
    complaints(chromium)
    hosts(chromium)
    chromium.get(url)


def complaints(chromium):
    """What the browser reported as warnings and errors since it was last asked."""
    levels = ("WARNING", "SEVERE")
    return [log["message"] for log in chromium.get_log("browser") if log["level"] in levels]


def hosts(chromium):
    """The hosts that pages requested something from since it was last asked; "" is no host."""
    messages = [json.loads(log["message"])["message"] for log in chromium.get_log("performance")]
    return {
        urlsplit(message["params"]["request"]["url"]).hostname or ""
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }


def scrolls_sideways(chromium):
    """Whether the page is wider than the window."""
    return chromium.execute_script(
        "const page = document.documentElement; return page.scrollWidth > page.clientWidth"
    )


def barriers(chromium):
    """What axe-core finds on the page of impact serious or critical: rule, elements.

    AXE_CORE in the environment is the path of axe.min.js (https://github.com/dequelabs/axe-core);
    without it the test is skipped.
    """
    path = os.environ.get("AXE_CORE")
    if not path:
        pytest.skip("set AXE_CORE to the path of axe.min.js to check the page for accessibility")
    chromium.execute_script(Path(path).read_text(encoding="utf-8"))
    found = chromium.execute_async_script("axe.run().then(arguments[0])")
    return [
        f"{violation['id']}: {[node['html'] for node in violation['nodes']]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
