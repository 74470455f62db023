"""The panel beside a long transcript, and beside 100 MB of content.

In this process there is no front end: what is timed is what a kernel does. The last
part asks a real page in JupyterLab how long a press takes until it is painted.
"""

from __future__ import annotations

import resource
import statistics
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from smtpnb import Panel, Sandbox, SmtpClient
from smtpnb.wire.record import Record
from tests.bench.clients import connected
from tests.bench.sink import csink, tool
from tests.bench.table import Goal, interleaved, ratios, show, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = (1_000, 100_000)
SIZE = 100_000_000
_ROUNDS = 5
_FLUSHES = 50
_LINE = b"x" * 74 + b"\r\n"

# Painted is when one more reply stands in the dialogue, and a frame was drawn.
_PRESSES = """async () => {
    const said = document.querySelector('.smtpnb-said');
    const count = () => said.textContent.split('Nothing done').length;
    const press = () => new Promise(done => {
        const before = count(), began = performance.now();
        const look = () => {
            if (count() === before) return;
            watch.disconnect();
            requestAnimationFrame(() => done(performance.now() - began));
        };
        const watch = new MutationObserver(look);
        watch.observe(said, {subtree: true, childList: true, characterData: true});
        document.querySelector('.smtpnb-noop').click();
    });
    const took = [];
    for (let n = 0; n < 21; n++) {
        took.push(await press());
        await new Promise(done => setTimeout(done, 150));  // as a person would
    }
    return took.slice(1);
}"""
_CELL = """\
from smtpnb import Panel, SmtpClient
from smtpnb.wire.record import Record
client, record = SmtpClient(), Record("mx.example", 25)
client._records.append(record)
for number in range({events}):
    record.note("note", str(number))
panel = Panel(client, "{host}:{port}")
panel"""


def main() -> list[Goal]:
    """Print what a flush takes, what it keeps, and what 100 MB of DATA take."""
    return [*flush(), *content(), *press()]


@contextmanager
def _long(events: int) -> Iterator[tuple[Panel, Record]]:
    client, record = SmtpClient(), Record("mx.example", 25)
    client._records.append(record)
    for number in range(events):
        record.note("note", str(number))
    panel = Panel(client)
    yield panel, record
    panel.close()


def flush() -> list[Goal]:
    """Print what one flush takes, with one event new in it, and the memory."""
    rows, took = [], [0.0]
    for events in EVENTS:
        with _long(events) as (panel, record):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            took = []
            for number in range(_FLUSHES):
                record.note("note", f"new {number}")
                began = time.process_time()
                panel.flush()
                took.append((time.process_time() - began) * 1e3)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            rows.append((f"{events:,}", spread(took), f"{grown / 1024:.1f}"))
    show("A flush of the panel", ("events", "CPU, ms", "growth, MB"), rows)
    return [Goal("a flush at 100 000 events, CPU ms", "", took, 10, most=True)]


def _bare(client: SmtpClient, content: bytes) -> float:
    began = time.perf_counter()
    client.mail_from("a@b.example")
    client.rcpt_to("c@d.example")
    assert client.data(content).ok
    return SIZE / (time.perf_counter() - began) / 1e6


def _by_panel(panel: Panel, content: bytes) -> float:
    panel.content = content
    began = time.perf_counter()
    for verb in ("MAIL", "RCPT", "DATA"):
        panel.verbs[verb].click()
        assert panel.worker.join(120)
    assert panel.worker.look().kind == "accepted", panel.worker.look()
    return SIZE / (time.perf_counter() - began) / 1e6


def content() -> list[Goal]:
    """Print 100 MB of DATA by the bare verb, and by the panel's button."""
    octets = _LINE * (SIZE // len(_LINE))
    with csink("-C") as sink, connected(sink.port) as client:
        panel = Panel(client)
        panel._repr_mimebundle_()  # displayed: it looks ten times a second
        samples = interleaved(
            {
                "verb": lambda: _bare(client, octets),
                "panel": lambda: _by_panel(panel, octets),
            },
            _ROUNDS,
        )
        panel.close()
        panel.painter.join(5)
    rows = [(name, f"{statistics.median(each):,.0f}") for name, each in samples.items()]
    show("100 MB of DATA", ("by", "MB/s"), rows)
    shares = ratios(samples["verb"], samples["panel"])
    what = "100 MB of DATA by the panel, time of the bare verb's"
    return [Goal(what, "", shares, 1.1, most=True)]


def press() -> list[Goal]:
    """Print how long a press of NOOP takes until its reply is painted in a page."""
    chromium = tool("chromium")
    if chromium is None:
        show("A press", ("",), [("chromium is not here",)])
        return []
    from playwright.sync_api import sync_playwright

    from tests.browser.lab import lab

    rows, took = [], [0.0]
    with (
        TemporaryDirectory() as folder,
        Sandbox() as sandbox,
        sync_playwright() as playwright,
        lab(Path(folder)) as jupyter,
    ):
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for events in EVENTS:
            cell = _CELL.format(events=events, host=sandbox.host, port=sandbox.port)
            page = jupyter.open(browser, f"press-{events}", cell)
            page.click(".smtpnb-connect")
            page.wait_for_function(
                "document.querySelector('.smtpnb-status').textContent.includes('220')"
            )
            page.click(".smtpnb-ehlo")
            page.wait_for_function(
                "document.querySelector('.smtpnb-status').textContent.includes('READY')"
            )
            took = page.evaluate(_PRESSES)
            rows.append((f"{events:,}", spread(took)))
            page.close()
        browser.close()
    show("From the press of NOOP to its reply in the page", ("events", "ms"), rows)
    what = "a press to painted at 100 000 events, ms"
    return [Goal(what, "", took, 50, most=True)]
