from __future__ import annotations

import re

import pytest

from smtpnb import Sandbox, SmtpClient
from smtpnb.analysis.compare.dialogue import diff_dialogue
from smtpnb.analysis.compare.plot_dialogue import side_by_side
from smtpnb.analysis.lint.lint import lint
from smtpnb.analysis.palettes import contrast
from smtpnb.edges import colours
from smtpnb.edges.colours import PERCENT, of_words
from smtpnb.notebook.answers import Answer, delivery_html
from smtpnb.notebook.panel import look

AA = 4.5  # WCAG 2.2 section 1.4.3
COLOURS = {
    name: value
    for name, value in vars(colours).items()
    if name.isupper() and isinstance(value, str)
}
# The text and the ground of who shows the page. JupyterLab's text is black at 87 %.
PAGES = {
    "JupyterLab": ("#212121", "#ffffff"),
    "JupyterLab, every other row of a table": ("#212121", "#f5f5f5"),
    "JupyterLab, the row below the mouse": ("#212121", "#e1f5fe"),
    "VS Code": ("#333333", "#ffffff"),
    "JupyterLab dark": ("#ffffff", "#111111"),
    "JupyterLab dark, every other row of a table": ("#ffffff", "#212121"),
    "VS Code dark": ("#cccccc", "#1e1e1e"),
    "Colab dark": ("#e3e3e3", "#383838"),
}


def _mixed(colour: str, text: str) -> tuple[float, ...]:
    """What a browser makes of `color-mix(in srgb, colour PERCENT%, text)`."""
    share = PERCENT / 100
    parts = [
        (int(colour[at : at + 2], 16), int(text[at : at + 2], 16)) for at in (1, 3, 5)
    ]
    return tuple((share * one + (1 - share) * other) / 255 for one, other in parts)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", COLOURS)
def test_words_in_a_colour_have_the_contrast_that_aa_wants(
    name: str, page: str
) -> None:
    text, ground = PAGES[page]
    assert contrast(_mixed(COLOURS[name], text), ground) >= AA


@pytest.mark.parametrize("ground", ["#ffffff", "#111111"])
@pytest.mark.parametrize("name", COLOURS)
def test_lines_and_an_old_browsers_words_are_seen(name: str, ground: str) -> None:
    # Section 1.4.11, of what is no text; the words are bold or say more than a colour.
    assert contrast(COLOURS[name], ground) >= 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("BLUE", "GREEN"),
        ("BLUE", "VERMILION"),
        ("GREEN", "VERMILION"),
        ("GREEN", "RED"),
    ],
)
@pytest.mark.parametrize("text", ["#212121", "#ffffff"])
def test_colours_are_still_colours_after_the_mixing(
    one: str, other: str, text: str
) -> None:
    pair = zip(_mixed(COLOURS[one], text), _mixed(COLOURS[other], text), strict=True)
    assert max(abs(a - b) for a, b in pair) > 0.2


def _of_the_panel(theme: str) -> dict[str, str]:
    return dict(re.findall(r"--smtpnb-([a-z]+):(#[0-9a-f]{6})", theme))


# JupyterLab's layout colours 0 and 1, of its two themes.
@pytest.mark.parametrize(
    ("theme", "ground"),
    [(look._LIGHT, "#ffffff"), (look._DARK, "#111111"), (look._DARK, "#212121")],
    ids=["light", "dark", "dark, layout 1"],
)
def test_the_panels_words_have_it_too(theme: str, ground: str) -> None:
    used = _of_the_panel(theme)
    for name in ("we", "good", "bad", "warn", "aside", "ink"):
        assert contrast(used[name], ground) >= AA, name
    assert contrast(used["line"], ground) >= 3
    # The state of now: its name on the colour of "we".
    assert contrast(used["ground"], used["we"]) >= AA


def _declared(html: str) -> set[str]:
    return {
        declared
        for style in re.findall(r'style="([^"]*)"', html)
        for declared in re.findall(r"(?<![-\w])color:[^;]*", style)
    }


def test_every_word_in_a_colour_is_mixed() -> None:
    with Sandbox() as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        client.noop()
        client.ehlo()
        client.mail_from("ann@a.example")
        sandbox.fault("rcpt", reply="550 5.1.1 No")
        refused = client.rcpt_to("bob@b.example")
        client.rset()
        delivery = client.send("Subject: x", "ann@a.example", ["bob@b.example"])
        findings = lint(client.transcript)
        both = diff_dialogue(client.transcript, client.transcript)
        shown = {
            "reply": refused._repr_html_(),
            "answer": Answer(refused.octets, "rcpt")._repr_html_(),
            "transcript": client.transcript._repr_html_(),
            "findings": findings._repr_html_(),
            "delivery": delivery_html(delivery),
            "compared": side_by_side(both)._repr_html_(),
        }
    every = {part for c in COLOURS.values() for part in of_words(c).split(";")}
    for where, html in shown.items():
        used = _declared(html)
        assert used, where
        assert used <= every, where
        assert any("color-mix" in one for one in used), where
