"""Every command and every option is executed: a new one without a case here is red.

A case is a line (or a cell) in a state, and what its answer and the dialogue then hold.
What an option means in detail is tested beside its kind; here none is forgotten.
"""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import Sandbox
from smtpnb.notebook.background import Handle
from smtpnb.notebook.commands import ACTIONS, OF_CELLS
from smtpnb.notebook.grammar import BARE, COMMANDS, COMMON, known_options
from smtpnb.notebook.panel import Panel
from tests.support.scripted import Hold, Say, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STATES = {
    "": "",
    "connected": "connect sandbox",
    "ready": "connect sandbox; ehlo me.example",
    "mail": "connect sandbox; ehlo me.example; mail a@b.example",
    "rcpt": "connect sandbox; ehlo me.example; mail a@b.example; rcpt c@d.example",
    "data": "connect sandbox; ehlo me; mail a@b.example; rcpt c@d.example; data",
    "tls": "connect {box} --tls starttls",
}
# A command: the state it wants, its line, and what must be seen then.
LINES: dict[str, tuple[str, str, str]] = {
    "connect": ("", "connect sandbox", "220"),
    "ehlo": ("connected", "ehlo me.example", "-> EHLO me.example"),
    "helo": ("connected", "helo me.example", "-> HELO me.example"),
    "lhlo": ("connected", "lhlo me.example --lax", "-> LHLO me.example"),
    "starttls": ("ready", "starttls", "verified"),
    "auth": ("tls", "auth ann {word}", "235"),
    "mail": ("ready", "mail a@b.example", "-> MAIL FROM:<a@b.example>"),
    "rcpt": ("mail", "rcpt c@d.example", "-> RCPT TO:<c@d.example>"),
    "data": ("rcpt", "data", "354"),
    "end": ("data", "end", "taken responsibility"),
    "bdat": ("rcpt", "bdat {b'x'}", "250"),
    "send": ("connected", "send {mail}", "accepted for 1 of 1"),
    "rset": ("ready", "rset", "-> RSET"),
    "noop": ("ready", "noop", "-> NOOP"),
    "vrfy": ("ready", "vrfy ann", "-> VRFY ann"),
    "expn": ("ready", "expn staff", "-> EXPN staff"),
    "etrn": ("ready", "etrn d.example", "-> ETRN d.example"),
    "xclient": ("ready", "xclient name=a.b --lax", "-> XCLIENT NAME=a.b"),
    "xforward": ("ready", "xforward name=a.b --lax", "-> XFORWARD NAME=a.b"),
    "burl": ("ready", "burl imap://h/;uid=1 --lax", "-> BURL imap://h/;uid=1"),
    "help": ("ready", "help", "-> HELP"),
    "quit": ("ready", "quit", "221"),
    "command": ("ready", "command XYZZY x", "-> XYZZY x"),
    "raw": ("ready", "raw {b'NOOP\\r\\n'}", "250"),
    "disconnect": ("ready", "disconnect", r"closed \(disconnect"),
    "cancel": ("ready", "cancel", r"closed \(abort"),
    "sandbox": ("", "sandbox", "Sandbox"),
    "transcript": ("ready", "transcript", "EHLO"),
    "conformance": ("connected", "conformance", "0 FAIL"),
    "lint": ("ready", "lint", "FAIL"),
    "explain": ("", "explain 550 5.1.1 No such user", "5.1.1"),
    "report": ("ready", "report", "EHLO"),
    "compare": ("ready", "compare @main @main", "tls_mode .* same"),
    "save": ("ready", "save {folder}/a.jsonl", "a.jsonl"),
    "load": ("ready", "load {saved}", r"SavedTranscript: 1 sessions, \d+ events"),
    "session": ("ready", "session", r"SmtpClient \S+ READY"),
    "use": ("ready", "use main", r"SmtpClient \S+ READY"),
    "sessions": ("ready", "sessions", r"main .* READY .* True"),
    "panel": ("", "panel", "<smtpnb panel>"),
}
FAULT = "sandbox fault noop --reply '451 4.3.0 No'"
STARTTLS = "connect 127.0.0.1 {box.port} --tls starttls"
# An option of its own: the state, the cell, and what must be seen then.
OPTIONS: dict[tuple[str, str], tuple[str, str, str]] = {
    ("connect", "--tls"): ("", "connect sandbox --tls starttls", "version: TLSv1"),
    ("connect", "--verify"): ("", f"{STARTTLS} --verify report", "NOT verified"),
    ("connect", "--ca"): ("", f"{STARTTLS} --ca {{box.ca}}", "certificate: verified"),
    ("connect", "--server-name"): (
        "",
        f"{STARTTLS} --ca {{box.ca}} --server-name localhost",
        "name: localhost",
    ),
    ("connect", "--lmtp"): ("", "connect 127.0.0.1 {store.port} --lmtp", "220 store"),
    ("connect", "--early"): (
        "",
        "connect sandbox --early {b'NOOP\\r\\n'}",
        "-> NOOP\n<-  220",
    ),
    ("connect", "--disable"): (
        "",
        "connect sandbox --disable starttls;\n%smtp ehlo;\n%smtp",
        "may be sent now: (?!.*STARTTLS)(?s:.*)switched off .*: STARTTLS",
    ),
    ("connect", "--proxy"): (
        "",
        "connect 127.0.0.1 {store.port} --proxy v1,192.0.2.1:56324,192.0.2.2:25",
        "PROXY TCP4 192.0.2.1",
    ),
    ("starttls", "--verify"): ("ready", "starttls --verify report", "version: TLSv1"),
    ("starttls", "--ca"): ("ready", "starttls --ca {ours.ca}", "verified"),
    ("starttls", "--server-name"): (
        "ready",
        "starttls --server-name localhost",
        "name: localhost",
    ),
    ("auth", "--mechanism"): ("tls", "auth ann {word} --mechanism plain", "AUTH PLAIN"),
    ("auth", "--identity"): (
        "tls",
        "auth ann {word} --mechanism plain --identity ann",
        "AUTH PLAIN",
    ),
    ("auth", "--initial-response"): (
        "tls",
        "auth ann {word} --mechanism login --initial-response",
        "AUTH LOGIN .+",
    ),
    ("auth", "--no-initial-response"): (
        "tls",
        "auth ann {word} --mechanism login --no-initial-response",
        "AUTH LOGIN\n",
    ),
    ("auth", "--password-env"): ("tls", "auth ann --password-env ANNS", "235"),
    ("auth", "--keyring"): ("tls", "auth ann --keyring smtp.example", "235"),
    ("auth", "--allow-cleartext-auth"): (
        "ready",
        "auth ann {word} --mechanism plain --lax --allow-cleartext-auth",
        "AUTH PLAIN",
    ),
    ("data", "--expand"): ("rcpt", "%%smtp data --expand\n{21 * 2}\n", "content: 4 "),
    ("burl", "--last"): (
        "ready",
        "burl imap://h/;uid=1 --last --lift order,offers",
        "BURL imap://h/;uid=1 LAST",
    ),
    ("bdat", "--last"): ("rcpt", "bdat {b'x'} --last", "BDAT 1 LAST"),
    ("send", "--expand"): (
        "connected",
        "%%smtp send --expand\nFrom: {sender}\nTo: c@d.example\n\nx\n",
        "accepted for 1 of 1",
    ),
    ("send", "--from"): ("connected", "send {mail} --from z@b.example", "FROM:<z@b"),
    ("send", "--to"): ("connected", "send {mail} --to y@d,z@d", "for 2 of 2"),
    ("send", "--stop-after"): (
        "connected",
        "send {mail} --stop-after rcpt",
        "after rcpt",
    ),
    ("send", "--drop-after"): ("connected", "send {mail} --drop-after data", "aborted"),
    ("send", "--drop-after-send"): (
        "connected",
        "send {mail} --drop-after-send dot",
        "unknown",
    ),
    ("send", "--octets"): ("connected", "send {mail} --octets 5", "content: 5 octets"),
    ("send", "--slow"): ("connected", "send {mail} --slow 100/0.01", "accepted"),
    ("send", "--end-of-data"): (
        "connected",
        "send {mail} --end-of-data {b'.\\r\\n'} --own-server 'it is mine'",
        "it is mine",
    ),
    ("send", "--own-server"): (
        "connected",
        "send {mail} --end-of-data {b'.\\r\\n'} --own-server 'it is mine'",
        "it is mine",
    ),
    ("send", "--convert"): ("connected", "send {mail} --convert", "accepted for 1"),
    ("send", "--quit"): ("connected", "send {mail} --quit", "-> QUIT"),
    ("raw", "--replies"): (
        "ready",
        "raw {b'NOOP\\r\\nNOOP\\r\\n'} --replies 2",
        r"250[^\n]*250",
    ),
    ("sandbox", "--tls"): ("stopped", "sandbox --tls none", r"Sandbox \S+ none"),
    ("sandbox", "--auth"): ("stopped", "sandbox --auth {users}", "Sandbox .* auth"),
    ("sandbox", "--protocol"): (
        "stopped",
        "sandbox --protocol lmtp",
        "Sandbox .* lmtp",
    ),
    ("sandbox", "--unix"): (
        "stopped",
        "sandbox --protocol lmtp --unix {folder}/s",
        r"Sandbox unix:\S+/s lmtp",
    ),
    ("sandbox", "--prdr"): (
        "stopped",
        "sandbox --prdr;\n%smtp connect sandbox;\n%smtp ehlo",
        "PRDR",
    ),
    ("sandbox", "--reply"): ("", FAULT, "451 4.3.0 No"),
    ("sandbox", "--delay"): ("", f"{FAULT} --delay 0.1", "delay=0.1"),
    ("sandbox", "--drip"): ("", f"{FAULT} --drip 0.1", "drip=0.1"),
    ("sandbox", "--drop"): ("", "sandbox fault noop --drop", "drop=True"),
    ("sandbox", "--stall"): ("", "sandbox fault noop --stall", "stall=True"),
    ("sandbox", "--eight-bit"): ("", "sandbox fault noop --eight-bit", "eight_bit"),
    ("sandbox", "--times"): ("", f"{FAULT} --times 2", "times=2"),
    ("sandbox", "--skip"): ("", f"{FAULT} --skip 3", "skip=3"),
    ("sandbox", "--per"): ("", f"{FAULT} --skip 3 --per 60", "per=60"),
    ("sandbox", "--each"): ("", f"{FAULT} --times 1 --each", "each=True"),
    ("sandbox", "--probability"): ("", f"{FAULT} --probability 0.5", "0.5"),
    ("transcript", "--all"): ("ready", "transcript exchanges --all", "run_id"),
    ("conformance", "--rude"): ("connected", "conformance --rude", "19 of 19"),
    ("explain", "--expand"): (
        "",
        "%%smtp explain --expand\n{'550 5.1.1 No'}\n",
        "5.1.1",
    ),
    ("report", "--as-it-was"): ("ready", "report --as-it-was", "EHLO me.example"),
    ("save", "--overwrite"): ("ready", "save {saved} --overwrite", "saved.jsonl"),
}
# Options that are parameters of MAIL or RCPT: what is given, and what is sent.
OF_MAIL = {
    "--size": ("9", "SIZE=9"),
    "--body": ("8bitmime", "BODY=8BITMIME"),
    "--smtputf8": ("", "SMTPUTF8"),
    "--ret": ("hdrs", "RET=HDRS"),
    "--envid": ("Q1", "ENVID=Q1"),
    "--auth": ("e@f", "AUTH=e@f"),
    "--by": ("120;r", "BY=120;R"),
    "--holdfor": ("60", "HOLDFOR=60"),
    "--holduntil": ("2027-01-31t08:00:00z", "HOLDUNTIL=2027-01-31T08:00:00Z"),
    "--mt-priority": ("-3", "MT-PRIORITY=-3"),
    "--requiretls": ("", "REQUIRETLS"),
    "--prdr": ("", "PRDR"),
}
OF_RCPT = {
    "--notify": ("never", "NOTIFY=NEVER"),
    "--orcpt": ("rfc822;e@f", "ORCPT=rfc822;e@f"),
    "--rrvs": ("2026-01-31t08:00:00z;c", "RRVS=2026-01-31T08:00:00Z;C"),
}
for parameters, where in ((OF_MAIL, "mail"), (OF_RCPT, "rcpt")):
    state, line, _ = LINES[where]
    for name, (value, sent) in parameters.items():
        seen = re.escape(sent)
        OPTIONS[where, name] = (state, f"{line} {name} {value} --lax", f"> .* {seen}")
        if name != "--size":
            cell = f"send {{mail}} {name} {value} --lax"
            OPTIONS["send", name] = ("connected", cell, f"> .* {seen}")
BARE_OPTIONS = {
    "--help": ("connected", "%%smtp --help\nx\n", "VAR <<"),
    "--expand": ("connected", "%%smtp --expand\nNOOP {21 * 2}\n", "-> NOOP 42"),
    "--expect": ("connected", "%%smtp --expect 250\nNOOP\n", "-> NOOP"),
    "--timeout": ("connected", "%%smtp --timeout 30\nNOOP\n", "-> NOOP"),
    "--background": ("connected", "%%smtp --background\nNOOP\n", "-> NOOP"),
    "--lax": ("connected", "%%smtp --lax\nRSET\n", "-> RSET"),
    "--lift": ("connected", "%%smtp --lift order\nRSET\n", "-> RSET"),
}


def cases(command: str) -> dict[str, tuple[str, str, str]]:
    """Return what is executed for each option of a command; "" for none."""
    state, line, seen = LINES[command]
    found = {"": (state, line, seen), "--help": ("", f"{command} --help", command)}
    for option in COMMON:
        value = {"--expect": "2", "--timeout": "30", "--lift": "content"}
        if command in ("command", "expn", "lhlo", "burl"):
            value["--expect"] = "5"
        elif command == "data":
            value["--expect"] = "354"
        if option not in found:
            found[option] = (state, f"{line} {option} {value.get(option, '')}", seen)
    own = {option: case for (name, option), case in OPTIONS.items() if name == command}
    return {**found, **own}


def test_there_is_a_case_for_everything_in_the_tree() -> None:
    assert set(LINES) == set(COMMANDS) == set(ACTIONS)
    tree = {(name, option) for name in COMMANDS for option in known_options(name)}
    assert tree <= {(name, option) for name in LINES for option in cases(name)}
    assert set(OPTIONS) <= tree
    assert set(BARE_OPTIONS) == set(known_options(BARE))
    assert {*OF_CELLS, "explain"} == {
        name for name in COMMANDS if "--expand" in known_options(name)
    }


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Any]]:
    greets = ScriptedServer((Say(b"220 store LMTP\r\n"), Hold()))
    with Sandbox(auth={"ann": "sesame-open"}) as box, greets as store:
        yield {"box": box, "store": store}


@pytest.fixture
def ready(
    run: Callable[[str], Any],
    shell: Any,
    servers: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], Any]:
    keyring = SimpleNamespace(get_password=lambda *_: "sesame-open")
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setenv("ANNS", "sesame-open")
    mail = "from email.message import EmailMessage\nmail = EmailMessage()\n"
    run(f"{mail}mail['From'], mail['To'] = 'a@b.example', 'c@d.example'")
    shell.user_ns.update(
        **servers,
        folder=tmp_path,
        saved=tmp_path / "saved.jsonl",
        sender="a@b.example",
        users={"ann": "sesame-open"},
        word="sesame-open",
    )
    run("ours = %smtp sandbox\n%smtp connect sandbox;\n%smtp save {saved};")
    return run


def execute(run: Callable[[str], Any], state: str, cell: str, seen: str) -> None:
    run("%smtp cancel\n%smtp sandbox clear;")
    if state == "stopped":
        run("%smtp sandbox stop")
    for line in filter(None, STATES.get(state, "").split("; ")):
        run(f"%smtp {line};")
    value = run(cell if cell.startswith("%%") else f"%smtp {cell}")
    if isinstance(value, Handle):
        value = value.join(60)
    if isinstance(value, Panel):  # it was shown, and looks ten times a second
        value.close()
        assert value.painter.join(60)
    last = str(run("%smtp transcript text")).rpartition("=== Session with")[2]
    text = f"{value!r}\n{last}"
    assert re.search(seen, text), (cell, text)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_and_each_of_its_options_are_executed(
    ready: Callable[[str], Any], command: str
) -> None:
    known = cases(command)
    for option in ("", *known_options(command)):
        execute(ready, *known[option])


def test_each_option_of_a_bare_cell_is_executed(ready: Callable[[str], Any]) -> None:
    for case in BARE_OPTIONS.values():
        execute(ready, *case)
