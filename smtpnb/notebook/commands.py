"""Which function does each command of `%smtp`: a line here, and one in the grammar.

A function takes the sessions, the client that is meant and the request, sends what its
verb says and returns the reply. What stands around it (the live line, `--expect`,
errors in one line) is the business of `magics`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.notebook import around, asking, authenticating, connecting, messages, verbs

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.client import SmtpClient
    from smtpnb.notebook.grammar import Request
    from smtpnb.notebook.sessions import Sessions

ACTIONS: Final[dict[str, Callable[[Sessions, SmtpClient, Request], Any]]] = {
    "connect": connecting.connect,
    "ehlo": verbs.ehlo,
    "helo": verbs.helo,
    "lhlo": verbs.lhlo,
    "starttls": connecting.starttls,
    "auth": authenticating.auth,
    "mail": verbs.mail,
    "rcpt": verbs.rcpt,
    "data": verbs.data,
    "end": verbs.end,
    "bdat": messages.bdat,
    "send": messages.send,
    "rset": verbs.rset,
    "noop": verbs.noop,
    "vrfy": verbs.vrfy,
    "expn": verbs.expn,
    "etrn": verbs.etrn,
    "xclient": verbs.xclient,
    "xforward": verbs.xforward,
    "burl": verbs.burl,
    "help": verbs.help_,
    "quit": verbs.quit_,
    "command": verbs.command,
    "raw": verbs.raw,
    "disconnect": connecting.disconnect,
    "cancel": connecting.cancel,
    "sandbox": around.sandbox,
    "transcript": asking.transcript,
    "conformance": asking.ask_conformance,
    "lint": asking.lint,
    "explain": asking.ask_explain,
    "report": asking.ask_report,
    "compare": asking.ask_compare,
    "save": asking.save,
    "load": asking.load,
    "session": around.session,
    "use": around.session,
    "sessions": around.list_sessions,
    "panel": around.panel,
}
# Those that take a cell, and what they do with it.
OF_CELLS: Final[dict[str, Callable[[SmtpClient, Request, str], Any]]] = {
    "data": verbs.send_cell,
    "send": messages.send_cell_whole,
}
# What may stand behind %%smtp: the message, or what a server said.
CELLS: Final = (*OF_CELLS, "explain")
