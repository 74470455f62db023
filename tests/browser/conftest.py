from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.lab import Lab, lab
from tests.support.tools import require_tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = require_tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def jupyter(
    browser: Browser,  # noqa: ARG001  # without it no JupyterLab is worth starting
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


AXE = "axe-core@4.14.1"


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rules of accessibility, as a script: `SMTPNB_AXE`, or fetched by npm."""
    if given := os.environ.get("SMTPNB_AXE"):
        return Path(given)
    folder = tmp_path_factory.mktemp("axe")
    fetch = [require_tool("npm"), "pack", "--silent", AXE]
    subprocess.run(fetch, cwd=folder, check=True, timeout=120, stdout=subprocess.PIPE)
    (packed,) = folder.glob("*.tgz")
    with tarfile.open(packed) as archive:
        archive.extract("package/axe.min.js", folder, filter="data")
    return folder / "package/axe.min.js"
