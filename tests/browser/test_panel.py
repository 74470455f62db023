"""The panel as a person sees it, and what the server saw of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from smtpnb import Sandbox
from tests.browser.lab import IDLE, RUN_ALL, theme

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

_PANEL = """\
from smtpnb import SmtpClient, TlsPolicy
from smtpnb import Panel

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
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": size["width"], "height": 2600})  # all of it
    page.locator(".smtpnb-panel").screenshot(path=target)
    assert target.stat().st_size > 10_000


def test_a_session_is_stepped_through_and_the_message_arrives(
    jupyter: Lab, browser: Browser, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.fault("rcpt", "nobody@*", reply="550 5.1.1 No such user")
    page = _open(jupyter, browser, sandbox)
    _press(page, "ehlo", "EHLO: not connected; press Connect first")
    _press(page, "connect", "220 sandbox.localhost")
    _press(page, "rcpt", "RCPT is not due now")
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
    expect(page.locator(".smtpnb-said pre")).to_contain_text(
        "<~* 550 5.1.1 No such user"
    )
    newest = page.locator(".smtpnb-said pre span").last
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
    lines = "(b'x' * 74 + b'\\r\\n') * 657_900"
    big = f"panel.content = b'Subject: big\\r\\n\\r\\n' + {lines}"
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
    expect(page.locator(".smtpnb-said pre")).to_contain_text(evil)
    assert page.locator("img.evil").count() == 0
    assert page.evaluate("() => window.evil === undefined")
    page.close()


_FOCUSED = "() => document.activeElement.className || document.activeElement.tagName"


def test_a_session_by_keyboard_alone_keeps_the_focus_where_it_is(
    jupyter: Lab, browser: Browser, sandbox: Sandbox
) -> None:
    page = _open(jupyter, browser, sandbox)
    status = page.locator(".smtpnb-status")
    page.focus(".smtpnb-address input")
    for name, said in (
        ("connect", "220 sandbox.localhost"),
        ("ehlo", "250 sandbox.localhost"),
        ("mail", "250 2.1.0"),
        ("rcpt", "250 2.1.5"),
        ("data", "250 2.6.0"),
    ):
        wanted = f"smtpnb-{name}"
        for _ in range(40):
            if wanted in page.evaluate(_FOCUSED).split():
                break
            page.keyboard.press("Tab")  # and Tab sends nothing
        page.keyboard.press("Enter")
        expect(status).to_contain_text(said)
        assert wanted in page.evaluate(_FOCUSED).split()
    assert sandbox.wait_for(1).rcpt_to == ["bob@sandbox.example"]
    page.close()


def test_enter_in_a_field_sends_what_was_typed_and_leaving_it_sends_nothing(
    jupyter: Lab, browser: Browser, sandbox: Sandbox
) -> None:
    page = _open(jupyter, browser, sandbox)
    status = page.locator(".smtpnb-status")
    _press(page, "connect", "220 sandbox.localhost")
    page.press(".smtpnb-identity input", "Tab")
    page.press(".smtpnb-identity input", "Enter")
    expect(status).to_contain_text("250 sandbox.localhost")
    page.fill(".smtpnb-from input", "")
    page.type(".smtpnb-from input", "typed-fast@client.example")  # key by key
    page.press(".smtpnb-from input", "Enter")
    expect(status).to_contain_text("250 2.1.0")
    said = page.locator(".smtpnb-said pre")
    expect(said).to_contain_text("MAIL FROM:<typed-fast@client.example>")
    assert said.text_content().count("EHLO") == 1  # type: ignore[union-attr]
    page.close()


def test_it_shows_what_a_busy_cell_does_while_the_cell_is_busy(
    jupyter: Lab, browser: Browser, sandbox: Sandbox
) -> None:
    gate = Path(jupyter.folder) / "go-on"
    page = _open(jupyter, browser, sandbox)
    busy = (
        "import pathlib, time\n"
        f"client.connect({sandbox.host!r}, {sandbox.port}); client.ehlo()\n"
        "while not pathlib.Path('go-on').exists(): time.sleep(0.01)\n"
        "client.quit()"
    )
    page.evaluate(_RUN_IN_KERNEL, busy)
    status = page.locator(".smtpnb-status")
    expect(status).to_contain_text("READY")
    gate.touch()
    expect(status).to_contain_text("CLOSED")
    gate.unlink()
    page.close()


# A cell's worth of code, without waiting for its end.
_RUN_IN_KERNEL = """code => {
    const shown = window.jupyterapp.shell.currentWidget;
    shown.sessionContext.session.kernel.requestExecute({code});
}"""


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(
    jupyter: Lab, browser: Browser, sandbox: Sandbox, dark: bool, axe: Path
) -> None:
    page = _open(jupyter, browser, sandbox)
    theme(page, dark=dark)
    page.add_script_tag(path=axe)
    _envelope(page)
    page.check(".smtpnb-more input")
    for view in ("dialogue", "waterfall", "replies", "TLS"):
        page.click(f".smtpnb-panel button:text-is('{view}')")
        found = page.evaluate(
            "async () => (await axe.run('.smtpnb-panel')).violations"
            ".map(each => [each.id, each.nodes.map(node => node.html.slice(0, 200))])"
        )
        assert found == []
    page.close()


@pytest.mark.parametrize("width", [1280, 900, 400])
def test_it_fits_the_page(
    jupyter: Lab, browser: Browser, sandbox: Sandbox, width: int, tmp_path: Path
) -> None:
    page = _open(jupyter, browser, sandbox, width=width)
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    _envelope(page)
    page.check(".smtpnb-more input")
    expect(page.locator(".smtpnb-raw input")).to_be_visible()
    inside = page.locator(".smtpnb-panel")
    assert inside.evaluate("panel => panel.scrollWidth <= panel.clientWidth + 1")
    kept = os.environ.get("SMTPNB_PICTURES")  # make pictures
    for dark in (False, True):
        theme(page, dark=dark)
        shade = "dark" if dark else "light"
        _picture(page, Path(kept or tmp_path) / f"session-{width}-{shade}.png")
    theme(page, dark=False)
    page.close()


def test_the_last_picture_stands_in_the_saved_notebook_and_is_hidden_while_it_lives(
    jupyter: Lab, browser: Browser, sandbox: Sandbox
) -> None:
    page = _open(jupyter, browser, sandbox)
    _press(page, "connect", "220 sandbox.localhost")
    picture = page.locator(".smtpnb-last-picture")
    expect(picture).to_contain_text("220 sandbox.localhost")
    expect(picture).to_contain_text("nothing in it can be pressed")
    expect(picture).to_be_hidden()
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    # With its kernel the panel would come back to life, a moment later.
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    page.close()
    name = f"panel-{sandbox.port}-1300.ipynb"
    page = jupyter.look(browser, name)
    picture = page.locator(".smtpnb-last-picture")
    expect(picture).to_contain_text("220 sandbox.localhost")
    expect(picture).to_be_visible()
    page.close()


def test_a_restarted_kernel_leaves_a_page_that_runs_again(
    jupyter: Lab, browser: Browser, sandbox: Sandbox
) -> None:
    page = _open(jupyter, browser, sandbox)
    _press(page, "connect", "220 sandbox.localhost")
    page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        ".restart()"
    )
    page.wait_for_function(IDLE)
    page.evaluate(RUN_ALL)
    page.wait_for_function(IDLE)
    expect(page.locator(".smtpnb-status")).to_contain_text("CLOSED")
    _press(page, "connect", "220 sandbox.localhost")
    page.close()
