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
    r"(?: command)? (?:failed|rejected)(?! from)\b",
    re.IGNORECASE,
)
# What qmail and nodemailer say of the last reply, whatever they name besides.
_AT_END: Final = re.compile(r"failed after I sent the message|\bMessage failed: ")
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
# Words for a step, and classes of exceptions; the first that is found.
_TOLD: Final = {
    "greeting": (
        r"refused to talk to me|but greeting failed|SMTPConnectError"
        r"|while receiving the initial server greeting|\bon connect\b"
    ),
    "mail": (
        r"but sender was rejected|SMTPSenderRefused|SMTPSenderFailedException"
        r"|OnSenderNotAccepted|sender address rejected by server"
    ),
    "rcpt": (
        r"does not like recipient|SMTPRecipients?Refused|SMTPAddressFailedException"
        r"|SmtpFailedRecipients?Exception|OnRecipientNotAccepted"
        r"|recipients? (?:address \S{1,320} not accepted|were rejected)"
        r"|ruleset=check_rcpt|following recipients failed"
    ),
    "data": r"failed on DATA command",
    MESSAGE: r"SMTPDataError|data not accepted|message content rejected",
    "ehlo": r"SMTPHeloError|SMTPServerBusy at HELO",
    "auth": (
        r"SMTPAuthenticationError|AuthenticationException|AuthenticationFailed\w+"
        r"|\bEAUTH\b|Net::SMTPAuth|(?:user ?name|password) command failed|invalid login"
        r"|could not authenticate"
    ),
    "starttls": r"\bSTARTTLS (?:failed|refused)|cannot start TLS:? host",
}
_WORDS: Final = {
    step: re.compile(words, re.IGNORECASE) for step, words in _TOLD.items()
}

_NAME: Final = r"[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}"
_ADDRESS: Final = (
    r" {0,2}[\[(](?:IPv6:)?([0-9A-Fa-f]{0,4}[.:][0-9A-Fa-f:.]{1,42})(?=[\])%,])"
)
_WHO: Final = re.compile(
    r"(?:\bhost (?=[\w.-]{1,255}(?: ?\[|: | said\b| refused\b))(?!said)"
    r"|\brelay=(?!none|local)|\bH=|\bRemote-MTA: {0,8}(?:dns|smtp); {0,8}"
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
_CLIENT: Final = re.compile(r"\bruleset=|\breject: |-reject: |\brejected (?:RCPT|MAIL)")


def step_told(text: str) -> str:
    """Return the step that a text names, as in the tables; "": none."""
    if _AT_END.search(text):
        return "eod"
    found = _COMMAND.search(text)
    if found is not None:
        verb = next(word for word in found.groups() if word).lower().replace("-", " ")
        return _STEP_OF.get(verb, verb)
    return next((step for step, words in _WORDS.items() if words.search(text)), "")


def place_told(text: str) -> tuple[str | None, str | None]:
    """Return the host that a text names as the one who spoke, and its address."""
    found = None if _CLIENT.search(text) else _WHO.search(text)
    return (found[1] or found[3], found[2] or found[4]) if found else (None, None)
