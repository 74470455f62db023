"""Questions of the command line: what does this reply mean, and how well is that said.

``smtpnb explain "550 5.1.1 No such user"`` and ``smtpnb lint HOST``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from smtpnb.commandline.words import Parser
from smtpnb.edges.text import for_terminal
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.names import host_and_port

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtpnb._connection import Spoken
    from smtpnb.client import SmtpClient

_EXPLAIN_HELP: Final = """\
usage: smtpnb explain [TEXT ...]

Say who refused what, how permanent it is, and what to do. TEXT is a reply ("550 5.1.1
User unknown") or whatever it was passed on with: a line of a log, the text of an
exception, a bounce. Without TEXT, or with "-", standard input is read:

    smtpnb explain < bounce.eml
"""
_BAD: Final = 3  # the exit code where a server broke a rule


def explain(words: Sequence[str]) -> int:
    """Explain what a server said.

    Args:
        words: The text; none, or "-", for standard input.

    Returns:
        0; 1 if there is nothing to explain in it.
    """
    from smtpnb.analysis import explain as explained

    if words in (["-h"], ["--help"]):
        sys.stdout.write(_EXPLAIN_HELP)
        return 0
    if words in ([], ["-"]):
        text = sys.stdin.buffer.read().decode("utf-8", "replace")
    else:
        text = " ".join(words)
    try:
        sys.stdout.write(f"{explained(text)}\n")
    except ValueError as error:
        sys.stderr.write(f"smtpnb: {error}\n")
        return 1
    return 0


def lint(words: Sequence[str]) -> int:
    """Ask a server what harms nobody, and judge how it answered.

    Args:
        words: HOST or HOST:PORT, and options.

    Returns:
        0 if no rule was broken, 3 if one was, 2 if nobody answered, 1 for words that
        say nothing.
    """
    from smtpnb.analysis import lint as linted
    from smtpnb.client import SmtpClient
    from smtpnb.dialogues.conformance import conformance_in_parts
    from smtpnb.wire.tls_policy import TlsPolicy

    given = _parser().parse_args(words)
    client = SmtpClient(tls=TlsPolicy("report"))
    protocol: Spoken = "lmtp" if given.lmtp else "smtp"

    def connect() -> SmtpClient:
        client.disconnect()
        client.connect(host, port, protocol=protocol, timeout=given.timeout)
        return client

    try:
        host, port = host_and_port(given.server)
        answers = conformance_in_parts(connect, protocol=protocol)
    except LocalProtocolError as error:  # no host, no port, or one that must not be
        sys.stderr.write(f"smtpnb lint: {error}\n")
        return 1
    findings = linted(client.transcript)
    sys.stdout.write(f"{for_terminal(str(answers), newlines=True)}\n{findings}\n")
    if not answers:
        return 2
    return _BAD if (findings["verdict"] == "FAIL").any() else 0


def _parser() -> Parser:
    parser = Parser(
        prog="smtpnb lint",
        description="Ask a server what harms nobody (no message is sent; it takes six "
        "short connections), and judge its answers by the RFCs.",
    )
    parser.add_argument("server", metavar="HOST[:PORT]")
    parser.add_argument("--lmtp", action="store_true", help="it speaks LMTP")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds")
    return parser
