"""The panel in Voila and in Notebook 7: it appears, it works, axe finds nothing."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from playwright.sync_api import expect

from smtpnb import Sandbox
from tests.browser.lab import IDLE, RUN_ALL
from tests.support.tools import do_without

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

_CELL = "from smtpnb import Panel\nPanel(target='{host}:{port}')"
_FINDINGS = (
    "async () => (await axe.run('.smtpnb-panel')).violations.map(each => each.id)"
)


def _command(front: str, folder: Path, port: int) -> list[str]:
    words = [sys.executable, "-m", front, "--no-browser", f"--port={port}"]
    if front == "voila":
        return [*words, str(folder / "p.ipynb")]
    return [
        *words,
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        "--IdentityProvider.token=",
        f"--ServerApp.root_dir={folder}",
        "--JupyterNotebookApp.expose_app_in_browser=True",
    ]


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    """Ask until somebody listens there; the test's own time-out bounds it."""
    while True:
        assert server.poll() is None, "the front end ended before it listened"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


@pytest.mark.parametrize("front", ["voila", "notebook"])
def test_the_panel_works_there(
    front: str, browser: Browser, tmp_path: Path, axe: Path
) -> None:
    if importlib.util.find_spec(front) is None:
        do_without(f"{front} is not installed")
    with socket.create_server(("127.0.0.1", 0)) as finder:
        port = finder.getsockname()[1]
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    environment = {**os.environ, **{each: str(tmp_path / each) for each in places}}
    with Sandbox() as sandbox:
        cell = _CELL.format(host=sandbox.host, port=sandbox.port)
        notebook: Any = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell)],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        nbformat.write(notebook, tmp_path / "p.ipynb")
        server = subprocess.Popen(
            _command(front, tmp_path, port),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            page = browser.new_page(viewport={"width": 1000, "height": 1400})
            page.set_default_timeout(60_000)
            path = "" if front == "voila" else "notebooks/p.ipynb"
            _wait_for(server, port)
            page.goto(f"http://127.0.0.1:{port}/{path}")
            if front == "notebook":
                page.wait_for_function(IDLE)
                page.evaluate(RUN_ALL)  # a key may come before it listens
            page.click(".smtpnb-connect")
            status = page.locator(".smtpnb-status")
            expect(status).to_contain_text("220 sandbox.localhost")
            expect(page.locator(".smtpnb-last-picture").first).to_be_hidden()
            page.add_script_tag(path=axe)
            assert page.evaluate(_FINDINGS) == []
            page.click(".smtpnb-quit")
            expect(status).to_contain_text("CLOSED")
            page.close()
        finally:
            server.terminate()
            server.wait(20)
