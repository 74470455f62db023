"""Magics as a person sees them: help, Tab, a refusal inside a loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

LOOP = """%smtp connect sandbox;
%smtp ehlo;
%smtp mail a@b.example;
%smtp sandbox fault rcpt nobody* --reply '550 5.1.1 No such user';
for who in ("bob", "nobody", "ann"):
    %smtp rcpt {who}@c.example"""


def test_help_a_refusal_and_tab_as_a_person_sees_them(
    browser: Browser, jupyter: Lab
) -> None:
    cells = ("%load_ext smtpnb", "%smtp --help", LOOP, "%smtp ehlo", "%smtp noop f")
    page = jupyter.open(browser, "magics", *cells)
    try:
        page.wait_for_function(
            "document.querySelectorAll('.smtpnb-answer').length >= 4"
        )
        help_text = page.locator(".smtpnb-help").first.inner_text()
        assert "\\x0a" not in help_text
        assert len(help_text.splitlines()) > 20
        shown = [one.inner_text() for one in page.locator(".smtpnb-answer").all()]
        assert ["550 5.1.1" in one for one in shown[:3]] == [False, True, False]
        editor = page.locator(".jp-CodeCell .cm-content").last
        editor.click()
        page.keyboard.press("End")
        for _ in "noop f":
            page.keyboard.press("Backspace")
        page.keyboard.type("rs")
        page.keyboard.press("Tab")
        items = page.locator(".jp-Completer-item")
        items.first.wait_for()
        assert items.all_inner_texts() == ["rset"]  # and no name of Python's
    finally:
        page.close()


BACKGROUND = """%smtp connect sandbox;
%smtp sandbox fault noop --stall;
%smtp noop --background"""


def test_a_command_in_the_background_is_cancelled_by_its_button(
    browser: Browser, jupyter: Lab
) -> None:
    cells = ("%load_ext smtpnb", BACKGROUND, "'the kernel is free'")
    page = jupyter.open(browser, "background", *cells)
    try:
        output = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea")
        output.get_by_text("noop: ").wait_for()  # its line is painted
        page.get_by_text("the kernel is free").last.wait_for()
        output.get_by_role("button", name="Cancel").click()
        output.get_by_text("Cancelled").wait_for()
        output.get_by_role("button", name="Cancel").wait_for(state="detached")
        colour = output.locator("span", has_text="Cancelled").first.evaluate(
            "one => getComputedStyle(one).color"
        )
        assert "color(srgb" in colour  # mixed: the browser knows how
    finally:
        page.close()
