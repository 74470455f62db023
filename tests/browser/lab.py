"""A real JupyterLab on a free loopback port, seen through a real Chromium.

Everything of it (configuration, runtime files, IPython's history) lives in one folder
of the test; nothing of the user's own JupyterLab is read.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import nbformat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

# No news; and every output of a notebook in the page, however many and wherever.
_SETTINGS = {
    "apputils-extension/notification": '{"fetchNews": "false"}',
    "notebook-extension/tracker": '{"maxNumberOutputs": 9999, "windowingMode": "none"}',
}
IDLE = """() => {
    const shown = window.jupyterapp?.shell?.currentWidget;
    return shown?.sessionContext?.session?.kernel?.status === 'idle';
}"""
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"


class Lab:
    """A running JupyterLab.

    Attributes:
        folder: What it serves.
    """

    def __init__(self, folder: Path, address: str, token: str) -> None:
        self.folder = folder
        self._address = address
        self._token = token

    def open(self, browser: Browser, name: str, *cells: str, **how: Any) -> Page:
        """Write a notebook, open it, run all its cells, and wait until they ran."""
        notebook: Any = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        nbformat.write(notebook, self.folder / f"{name}.ipynb")
        return self.show(browser, f"{name}.ipynb", **how)

    def show(
        self,
        browser: Browser,
        path: str,
        *,
        width: int = 1300,
        script: str = "",
        asked: Callable[[str], None] | None = None,
    ) -> Page:
        """Open a notebook that is there, and run all its cells.

        Args:
            browser: Where.
            path: Below the folder that is served.
            width: Of the page.
            script: Runs in the page before anything else does.
            asked: Is told every address that the page asks for.
        """
        page = browser.new_page(viewport={"width": width, "height": 1000})
        if asked is not None:
            page.on("request", lambda request: asked(request.url))
        if script:
            page.add_init_script(script)
        self._go(page, path)
        page.wait_for_function(IDLE)
        page.evaluate(RUN_ALL)
        page.wait_for_function(IDLE)
        return page

    def look(self, browser: Browser, path: str) -> Page:
        """Open a notebook that is there, as it was saved; run nothing."""
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        self._go(page, path)
        return page

    def _go(self, page: Page, path: str) -> None:
        page.set_default_timeout(40_000)
        page.goto(f"{self._address}/lab/tree/{path}?reset&token={self._token}")


def theme(page: Page, *, dark: bool) -> None:
    """Put a page into JupyterLab's dark theme, or its light one."""
    page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})",
        f"JupyterLab {'Dark' if dark else 'Light'}",
    )
    light = "false" if dark else "true"
    page.wait_for_selector(f'body[data-jp-theme-light="{light}"]', state="attached")


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """Run a JupyterLab that serves `folder`/work."""
    served, settings = folder / "work", folder / "settings"
    served.mkdir()
    for name, values in _SETTINGS.items():
        file = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(values)
    token = secrets.token_hex(16)
    with socket.create_server(("127.0.0.1", 0)) as finder:
        port = finder.getsockname()[1]
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR")
    environment = {
        **os.environ,
        **{name: str(folder / name.lower()) for name in (*places, "IPYTHONDIR")},
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    words = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        f"--ServerApp.root_dir={served}",
        f"--ServerApp.port={port}",
        "--ServerApp.ip=127.0.0.1",
        f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True",
        "--ServerApp.iopub_msg_rate_limit=100000",  # beyond it messages are lost
    ]
    server = subprocess.Popen(
        words,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    reader = threading.Thread(target=lambda: None)
    try:
        assert server.stderr is not None
        said: list[str] = []
        for line in server.stderr:
            said.append(line)
            if f"127.0.0.1:{port}/lab" in line:
                break
        else:
            raise AssertionError("JupyterLab did not start:\n" + "".join(said))
        # Whoever does not read what it says would stop it.
        reader = threading.Thread(target=server.stderr.read)
        reader.start()
        yield Lab(served, f"http://127.0.0.1:{port}", token)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)
        if reader.is_alive():
            reader.join(10)
        if server.stderr is not None:
            server.stderr.close()
