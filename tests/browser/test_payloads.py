"""Hundreds of payloads through everything that a notebook shows of a server.

One page shows them all: the cells of `%smtp` (replies, transcripts, frames, errors) and
the panels. An observer stands in the page before anything is shown and keeps what was
there only for a moment, too.
"""

from __future__ import annotations

import datetime as dt
import re
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smtpnb.edges.text import for_terminal
from tests.browser.payloads import N_PAYLOADS, PLACES, SPOKEN, VECTORS, pairs, said
from tests.support.scripted import Hear, Hold, Say, ScriptedServer, Tls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.browser.lab import Lab
    from tests.support.scripted import Action

pytestmark = pytest.mark.browser

PAIRS = pairs()

# A session for two vectors. Every line is a cell of its own: each error is shown.
START = """\
%load_ext smtpnb
import pandas as pd
from IPython.display import HTML
from smtpnb.analysis import diff_dialogue, explain, lint, side_by_side
from smtpnb.notebook.panel import Panel
shell = get_ipython()

def say(name, *lines):
    for line in lines:
        shell.run_cell(f"%smtp @{name} {line}")

def show(sessions, *tables):
    clients = [shell.run_line_magic("smtp", f"@{name} session") for name in sessions]
    for client in clients:
        print(client.transcript.text(), client.reply, client.capabilities, sep="\\n")
    with pd.option_context("display.max_colwidth", None, "display.max_rows", None):
        for table in tables:
            frames = [getattr(c.transcript, table)() for c in clients]
            display(pd.DataFrame(pd.concat(frames)))  # every column of it
    return [client.transcript for client in clients]

def judge(transcripts):
    for one, two in zip(transcripts, [*transcripts[1:], transcripts[0]]):
        refused = one.exchanges().query("code == 550").iloc[0]
        display(explain(refused), lint(one), side_by_side(diff_dialogue(one, two)))"""
CELLS = """\
names = [f"v{n}" for n in range(COUNT)]
for name in names:
    say(name, "connect 127.0.0.1:PORT", "ehlo x", "noop", "vrfy x")
    say(name, "noop --expect 2", "noop", "transcript")
judge(show(names, "events", "exchanges", "sessions"))"""
TLS = """\
names = [f"tls{n}" for n in range(COUNT)]
for name in names:
    say(name, "connect 127.0.0.1:PORT --tls implicit")
    say(name, "connect 127.0.0.1:PORT --tls implicit --verify report;", "transcript")
show(names, "events", "sessions");"""
PANELS = """\
for n in range(COUNT):
    if n % 12 == 0:  # a panel shows its last 200 lines
        panel = Panel(target="127.0.0.1:PORT")
        verbs = panel.verbs
        display(panel)
    for button in (panel.connect_button, verbs["EHLO"], *[verbs["NOOP"]] * 4):
        button.click()
        panel.worker.join(10)
        panel.flush()
display(HTML("<p id='formula'>$x$</p>"))"""  # typeset last of all: it tells the end

# Whatever comes into the page from now on is looked at, and remembered.
OBSERVER = r"""
window.acted = [];
for (const name of ['alert', 'confirm', 'prompt', 'open'])
    window[name] = () => { window.acted.push(`${name} was called`); };
const foreign = new Set(('SCRIPT IFRAME OBJECT EMBED SVG MATH FORM META BASE LINK IMG '
    + 'STYLE VIDEO AUDIO MARQUEE DETAILS TEMPLATE TEXTAREA SELECT STRONG EM H1'
    ).split(' '));
// JupyterLab makes addresses and paths in plain text links, as for every program.
const itself = element => element.tagName === 'A'
    && element.closest('.jp-RenderedText') !== null
    && ['', element.textContent, 'https://' + element.textContent]
        .includes(element.getAttribute('href') ?? '');
// The one element of ours with a word of the server in it that folds.
const folds = element =>
    element.outerHTML.startsWith('<details class="smtpnb-as-said">');
const look = element => {
    const place = element.closest('.jp-OutputArea-output, .smtpnb-panel');
    if (place === null || itself(element) || folds(element)) return;
    const acts = [...element.attributes].some(a => /EVIL/.test(a.name + a.value))
        || foreign.has(element.tagName.toUpperCase())
            && /EVIL/.test(element.outerHTML)
        || element.tagName === 'MJX-CONTAINER' && element.closest('#formula') === null
        || /ansi-/.test(element.className) && /EVIL/.test(element.textContent)
        || element.tagName === 'A' && /EVIL/.test(element.textContent);
    if (acts) window.acted.push(element.outerHTML.slice(0, 300));
};
new MutationObserver(records => {
    if (window.EVIL) window.acted.push('a script ran');
    for (const record of records) {
        if (record.type === 'attributes') look(record.target);
        for (const node of record.addedNodes)
            if (node.nodeType === Node.ELEMENT_NODE) {
                look(node);
                node.querySelectorAll('*').forEach(look);
            }
    }
}).observe(document, {subtree: true, childList: true, attributes: true});
"""
ALL_SHOWN = """() => document.querySelector('#formula mjx-container') !== null
    || window.acted.length > 0"""
PLACES_OF_TEXT = (
    ".jp-RenderedText, .jp-RenderedHTMLCommon, .smtpnb-status, .smtpnb-said"
)
LEFT = r"""places => ({
    acted: window.acted, ran: window.EVIL !== undefined,
    texts: [...document.querySelectorAll(places)].map(place => place.textContent),
})"""
# The same vectors as markup: what watches the page must see them act.
CONTROL = """vectors => {
    const places = [...document.querySelectorAll('.jp-RenderedHTMLCommon')];
    places.at(-1).innerHTML = vectors.join('');
}"""
CONTROL_SEEN = "() => window.EVIL !== undefined && window.acted.length > 20"
ACTIVE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


def _certificate(
    folder: Path, key: Any, number: int, pair: tuple[str, str]
) -> ssl.SSLContext:
    """Return a context whose certificate carries two vectors wherever there is room."""
    kinds = (NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME)
    name = x509.Name(
        [
            x509.NameAttribute(kind, vector)
            for kind, vector in zip(kinds, pair, strict=True)
            if vector
        ]
    )
    now = dt.datetime.now(dt.UTC)
    names: list[x509.GeneralName] = [x509.DirectoryName(name)]
    names += [x509.DNSName(vector) for vector in pair if vector.isascii()]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(number + 1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    path = folder / f"{number}.pem"
    path.write_bytes(
        builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def _session(pair: tuple[str, str]) -> tuple[Action, ...]:
    greeting, *others = (Say(said(place, pair)) for place in SPOKEN)
    answers = (action for say in others for action in (Hear(), say))
    return (greeting, *answers, Hold())


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, int]]:
    """The ports of three servers: for the cells, for TLS, for the panels."""
    key = ec.generate_private_key(ec.SECP256R1())
    sessions = [_session(pair) for pair in PAIRS]
    greeting = Say(b"220 hi\r\n")
    secure: list[tuple[Action, ...]] = []
    for number, pair in enumerate(PAIRS):
        tls = Tls(_certificate(tmp_path, key, number, pair))
        secure += [(tls,), (tls, greeting, Hold())]
    with (
        ScriptedServer(*sessions) as cells,
        ScriptedServer(*secure) as tls_server,
        ScriptedServer(*sessions) as panels,
    ):
        yield {CELLS: cells.port, TLS: tls_server.port, PANELS: panels.port}


def test_no_payload_runs_or_makes_an_element(
    jupyter: Lab,
    browser: Browser,
    servers: dict[str, int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[str] = []
    cells = [
        cell.replace("COUNT", str(len(PAIRS))).replace("PORT", str(port))
        for cell, port in servers.items()
    ]
    page = jupyter.open(
        browser, "payloads", START, *cells, script=OBSERVER, asked=asked.append
    )
    page.wait_for_function(ALL_SHOWN)
    left: dict[str, Any] = page.evaluate(LEFT, PLACES_OF_TEXT)
    assert not left["ran"]
    assert left["acted"] == []
    # JupyterLab asks its own server whether a path that it reads is there.
    assert not [it for it in asked if "EVIL" in it and "/api/resolvePath?" not in it]
    assert not [text for text in left["texts"] if ACTIVE.search(text)]
    # None was lost on its way: each is there to read, in each place.
    shown = "\n".join(left["texts"])
    for name, vector in VECTORS.items():
        assert shown.count(for_terminal(vector)) >= len(PLACES), name
    page.evaluate(CONTROL, list(VECTORS.values()))
    page.wait_for_function(CONTROL_SEEN)
    page.close()
    with capsys.disabled():
        print(f"\n{N_PAYLOADS} payloads in {len(left['texts'])} outputs: nothing acted")
    assert N_PAYLOADS >= 200
