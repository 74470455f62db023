"""Where in the dialogue a pasted reply came, and who said it, if the text tells.

Each program names the step in words of its own: "in reply to RCPT TO command",
"after end of data", "reject: RCPT from", the class of an exception. This module knows
nothing of replies.
"""

from __future__ import annotations

import re
from typing import Final

# DATA or the end of data: the text tells no more.
MESSAGE: Final = "message"

_VERB: Final = (
    r"(end[ -]of[ -](?:data|message)|data end|mail[ -]from|rcpt[ -]to|data|ehlo|helo"
    r"|lhlo|auth|starttls|bdat|rcpt|initial(?: connection)?)"
)
_COMMAND: Final = re.compile(
    r"(?:in reply to (?:the )?|\bafter (?:pipelined |sending )?|\bcommand failed:? "
    r"|\bfailed on |\bcommand[\"']?\s?[:=]\s?[\"'] ?|\b(?:from|error:|phase:) "
    rf"|delivery\.){_VERB}\b(?! not)"
    r"|(?:\breject: |-reject: |\brejected (?:after )?)"
    r"(mail|rcpt|data|ehlo|helo|auth|end-of-message|connect)\b"
    r"|\b(mail from|rcpt to|rcpt|data end|data|ehlo|helo|auth|starttls|bdat)"
    r"(?: command)? (?:failed|rejected)(?! from)\b"
)
# What qmail and nodemailer say of the last reply, whatever they name besides.
_AT_END: Final = ("failed after i sent the message", "message failed: ")
_STEP_OF: Final = {
    "end of data": "eod",
    "end of message": "eod",
    "data end": "eod",
    "bdat": "eod",
    "mail from": "mail",
    "rcpt to": "rcpt",
    "helo": "ehlo",
    "lhlo": "ehlo",
    "initial": "greeting",
    "initial connection": "greeting",
    "connect": "greeting",
}
# Words for a step, and classes of exceptions, in small letters.
_TOLD: Final = {
    "greeting": (
        r"refused to talk to me|but greeting failed|smtpconnecterror"
        r"|while receiving the initial server greeting|\bon connect\b"
    ),
    "mail": (
        r"but sender was rejected|smtpsenderrefused|smtpsenderfailedexception"
        r"|onsendernotaccepted|sender address rejected by server"
    ),
    "rcpt": (
        r"does not like recipient|smtprecipients?refused|smtpaddressfailedexception"
        r"|smtpfailedrecipients?exception|onrecipientnotaccepted"
        r"|recipients? (?:address \S{1,320} not accepted|were rejected)"
        r"|ruleset=check_rcpt|following recipients failed"
    ),
    "data": r"failed on data command",
    MESSAGE: r"smtpdataerror|data not accepted|message content rejected",
    "ehlo": r"smtpheloerror|smtpserverbusy at helo",
    "auth": (
        r"smtpauthenticationerror|authenticationexception|authenticationfailed\w+"
        r"|\beauth\b|net::smtpauth|(?:user ?name|password) command failed|invalid login"
        r"|could not authenticate"
    ),
    "starttls": r"\bstarttls (?:failed|refused)|cannot start tls:? host",
}
_WORDS: Final = re.compile("|".join(f"({words})" for words in _TOLD.values()))
_STEPS: Final = tuple(_TOLD)

_NAME: Final = r"[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}"
_ADDRESS: Final = (
    r" {0,2}[\[(](?:IPv6:)?([0-9A-Fa-f]{0,4}[.:][0-9A-Fa-f:.]{1,42})(?=[\])%,])"
)
_WHO: Final = re.compile(
    r"(?:\bhost (?=[\w.-]{1,255}(?: ?\[|: | said\b| refused\b))(?!said)"
    # A transport (relay=virtual) is no host.
    r"|\brelay=(?!none|local)(?=[\w-]{1,63}(?:\.[\w-]| ?\[))|\bH="
    r"|\bRemote-MTA: {0,8}(?:dns|smtp); {0,8}"
    rf"|<(?={_NAME} #[245]\.)|Remote Server at |Remote Server returned '?< ?"
    r"|LastAttemptedServerName=|\bFQDN=|while talking to |\bConnected to (?:smtps?://)?"
    r"|\bhostname = \"|-connect |(?:connection with|conversation with|timed out with"
    r"|Couldn't connect to host, port:) "
    r"|connect to (?=[\w-]{1,63}(?:\.[\w-]|\[|:\d)))"
    rf"({_NAME})(?:\.?{_ADDRESS})?"
    rf"|(?<= )({_NAME}){_ADDRESS}[\])]:? (?=connection |SMTP )",
    re.IGNORECASE,
)
# A host that talks to ours is no host that refuses.
_CLIENT: Final = re.compile(
    r"\bruleset=|\breject: |-reject: |\brejected (?:after |RCPT|MAIL|DATA|EHLO|HELO"
    r"|AUTH|connection|VRFY)|\bsender verify (?:fail|defer) for"
)


def step_told(text: str) -> str:
    """Return the step that a text names, as in the tables; "": none."""
    lower = text.lower()
    if any(words in lower for words in _AT_END):
        return "eod"
    found = _COMMAND.search(lower)
    if found is not None:
        verb = next(word for word in found.groups() if word).replace("-", " ")
        return _STEP_OF.get(verb, verb)
    told = _WORDS.search(lower)
    return _STEPS[(told.lastindex or 1) - 1] if told else ""


def place_told(text: str) -> tuple[str | None, str | None]:
    """Return the host that a text names as the one who spoke, and its address."""
    found = None if _CLIENT.search(text) else _WHO.search(text)
    return (found[1] or found[3], found[2] or found[4]) if found else (None, None)
