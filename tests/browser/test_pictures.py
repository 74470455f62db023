"""What a person sees of the magics and the panel, at three widths, in both themes.

The pictures are kept where `SMTPNB_PICTURES` says (`make pictures`), to be looked at.
What can be judged without eyes is judged here: every output fits into its page or
scrolls by itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.lab import theme

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

FAULT = '%smtp sandbox fault rcpt nobody@* --reply "550 5.1.1 No such user"'
REFUSED = """\
%smtp ehlo client.example;
%smtp mail from:<ann@client.example>;
%smtp rcpt to:<nobody@sandbox.example>"""
SEND = """\
%smtp rset;
%smtp send {'Subject: x'} --from ann@a.example --to nobody@b.example,bob@b.example"""
PASTED = """\
%%smtp
S: 250-mx.example
C: NOOP
C: MAIL FROM:<ann@client.example>
S: 250 2.1.0 Ok
C: RCPT TO:<nobody@sandbox.example>
C: RCPT TO:<bob@sandbox.example>
C: DATA
S: 354 go on
C: Subject: pasted
C:
C: from a ticket
C: ."""
# By name: a cell, and what its output says.
CELLS = {
    "start": (f"%load_ext smtpnb\n{FAULT}\n%smtp connect sandbox", "220 sandbox"),
    "ehlo": ("%smtp ehlo client.example", "PIPELINING"),
    "starttls": ("%smtp starttls", "TLSv1.3"),
    "refusal": (REFUSED, "550"),
    "send": (SEND, "1 of 2"),
    "pasted": (PASTED, "taken responsibility"),
    "frame": ("%smtp transcript exchanges", "client.example"),
    "explain": ("%smtp explain", "550"),
    "help": ("%smtp --help", "connect and read the greeting"),
    "panel": ("%smtp panel", "Connect"),
}
WIDTHS = (1280, 900, 400)


def test_the_answers_fit_their_pages(
    jupyter: Lab, browser: Browser, tmp_path: Path
) -> None:
    kept = os.environ.get("SMTPNB_PICTURES")
    folder = Path(kept or tmp_path)
    page = jupyter.open(browser, "pictures", *(cell for cell, _ in CELLS.values()))
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    outputs = page.locator(".jp-Notebook .jp-CodeCell .jp-OutputArea")
    for number, (_, said) in enumerate(CELLS.values()):
        expect(outputs.nth(number)).to_contain_text(said)
    for dark in (False, True):
        theme(page, dark=dark)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 2400})
            for number, name in enumerate(CELLS):
                output = outputs.nth(number)
                output.scroll_into_view_if_needed()
                # As wide as its page, or it scrolls by itself.
                assert output.evaluate(_FITS), (name, width)
                shade = "dark" if dark else "light"
                output.screenshot(path=folder / f"{name}-{width}-{shade}.png")
    page.close()


_FITS = """output => {
    const page = document.querySelector('.jp-Notebook').getBoundingClientRect();
    return output.getBoundingClientRect().right <= page.right + 1;
}"""
