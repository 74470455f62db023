"""The panel as a person sees it, and what the server saw of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from smtpnb import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.browser.lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

_PANEL = """\
from smtpnb import SmtpClient, TlsPolicy
from smtpnb.notebook.panel import Panel

client = SmtpClient(tls=TlsPolicy(ca={ca!r}))
panel = Panel(client, "{host}:{port}")
panel"""

# From the click to the moment at which the page says it, in milliseconds.
_CLICK_TO_CANCELLED = """() => new Promise((resolve, reject) => {
    const status = document.querySelector('.smtpnb-status');
    const began = performance.now();
    const look = () => {
        if (!status.textContent.includes('cancelled')) return;
        observer.disconnect();
        resolve(performance.now() - began);
    };
    const observer = new MutationObserver(look);
    observer.observe(status, {subtree: true, childList: true, characterData: true});
    setTimeout(() => reject(status.textContent), 10000);
    document.querySelector('.smtpnb-cancel').click();
})"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def _open(
    lab: Lab, browser: Browser, sandbox: Sandbox, *more: str, width: int = 1300
) -> Page:
    cell = _PANEL.format(ca=sandbox.ca, host=sandbox.host, port=sandbox.port)
    name = f"panel-{sandbox.port}-{width}"
    page = lab.open(browser, name, cell, *more, width=width)
    page.wait_for_selector(".smtpnb-panel")
    return page


def _press(page: Page, name: str, said: str) -> None:
    page.click(f".smtpnb-{name}:enabled")
    expect(page.locator(".smtpnb-status")).to_contain_text(said)


def _envelope(page: Page) -> None:
    _press(page, "connect", "220 sandbox.localhost")
    _press(page, "ehlo", "250 sandbox.localhost")
    _press(page, "mail", "250 2.1.0")
    _press(page, "rcpt", "250 2.1.5")


def _picture(page: Page, target: Path) -> None:
    page.locator(".smtpnb-panel").screenshot(path=target)
    assert target.stat().st_size > 10_000


def test_a_session_is_stepped_through_and_the_message_arrives(
    jupyter: Lab, browser: Browser, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.fault("rcpt", "nobody@*", reply="550 5.1.1 No such user")
    page = _open(jupyter, browser, sandbox)
    assert page.locator(".smtpnb-ehlo").is_disabled()
    _press(page, "connect", "220 sandbox.localhost")
    assert page.locator(".smtpnb-rcpt").is_disabled()
    _press(page, "ehlo", "250 sandbox.localhost")
    _press(page, "starttls", "220 2.0.0")
    _press(page, "ehlo", "250 sandbox.localhost")
    _press(page, "mail", "250 2.1.0")
    _press(page, "rcpt", "250 2.1.5")
    page.fill(".smtpnb-to input", "nobody@x.example")
    _press(page, "rcpt", "550 5.1.1")
    page.fill(".smtpnb-message textarea", "Subject: seen\n\ntyped in a browser\n")
    _press(page, "data", "250 2.6.0")
    message = sandbox.wait_for(1)
    assert message.octets == b"Subject: seen\r\n\r\ntyped in a browser\r\n"
    assert message.rcpt_to == ["bob@sandbox.example"]
    assert message.tls
    expect(page.locator("pre.smtpnb-transcript")).to_contain_text(
        "<~* 550 5.1.1 No such user"
    )
    newest = page.locator("pre.smtpnb-transcript span").last
    expect(newest).to_contain_text("250 2.6.0 Message 1 taken")
    expect(newest).to_be_in_viewport()
    kept = os.environ.get("SMTPNB_PICTURES")  # make pictures
    _picture(page, Path(kept or tmp_path) / "panel.png")
    _press(page, "quit", "221 2.0.0")
    expect(page.locator(".smtpnb-status")).to_contain_text("CLOSED")
    page.close()


def test_cancel_ends_a_stalled_message_in_half_a_second(
    jupyter: Lab, browser: Browser, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.fault("body", stall=True)
    big = "panel.content = b'Subject: big\\r\\n\\r\\n' + b'x' * 76 * 657_900"
    page = _open(jupyter, browser, sandbox, big)
    _envelope(page)
    page.click(".smtpnb-data:enabled")
    status = page.locator(".smtpnb-status")
    expect(status).to_contain_text("MB sent")
    took = page.evaluate(_CLICK_TO_CANCELLED)
    with capsys.disabled():
        print(f"\nclick on Cancel to 'cancelled' in the page: {took:.0f} ms")
    assert took < 500
    expect(status).to_contain_text("the message was not sent: its end never left")
    expect(page.locator(".smtpnb-connect")).to_be_enabled()
    assert sandbox.inbox().empty
    sandbox.clear_faults()
    _press(page, "connect", "220 sandbox.localhost")
    page.close()


def test_a_narrow_page_shows_every_button(
    jupyter: Lab, browser: Browser, sandbox: Sandbox, tmp_path: Path
) -> None:
    page = _open(jupyter, browser, sandbox, width=760)
    _envelope(page)
    panel = page.locator(".smtpnb-panel").bounding_box()
    assert panel is not None
    for button in page.locator(".smtpnb-panel button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["width"] > 40
        assert box["x"] + box["width"] <= panel["x"] + panel["width"] + 1
    _picture(page, tmp_path / "narrow.png")
    page.close()


def test_text_of_a_server_makes_no_element_and_runs_nothing(
    jupyter: Lab, browser: Browser, sandbox: Sandbox
) -> None:
    evil = (
        '<img class=evil src=x onerror="window.evil=1"><script>window.evil=1</script>'
    )
    sandbox.fault("noop", reply=f"250 {evil}")
    page = _open(jupyter, browser, sandbox, "%load_ext smtpnb")
    _press(page, "connect", "220 sandbox.localhost")
    _press(page, "ehlo", "250 sandbox.localhost")
    _press(page, "noop", evil)
    expect(page.locator("pre.smtpnb-transcript")).to_contain_text(evil)
    assert page.locator("img.evil").count() == 0
    assert page.evaluate("() => window.evil === undefined")
    page.close()
