"""The reply in what people paste: a bounce, a line of a log, the text of an exception.

Whoever passes a reply on puts his own words around it: `Diagnostic-Code: smtp; ...`
(RFC 3464 section 2.3.6), `host mx said: ... (in reply to RCPT TO command)`, a tuple of
smtplib's with octets in it. `pasted` takes them off and gives back the reply, where it
came in the dialogue, and who said it, each only if the text tells.

A reply counts before a code that somebody else made of it: a `Status:` field (RFC 3464
section 2.3.4) or Postfix's `dsn=` is used only where nothing better is found.
This module knows nothing of what a reply means.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from smtpnb.analysis.replies.pasted_dialogue import decisive_reply
from smtpnb.analysis.replies.unwrap import unfold, unwrap

_LONGEST_LINE: Final = 4096
_MOST_LINES: Final = 20

# A reply: its code, or an enhanced status code alone, and what follows.
_CODE: Final = r"[2-5][0-9]{2}"
_ENHANCED: Final = r"[245]\.[0-9]{1,3}\.[0-9]{1,3}"
_START: Final = re.compile(
    rf"({_CODE})(?:[ ;:-]{{1,3}}|(?![\w.:/@-]))(?:({_ENHANCED})(?![\w.]))?"
    rf"|({_ENHANCED})(?![\w.])"
)
# Somewhere in a line a number alone proves nothing: a sign must stand before it, or an
# enhanced status code of the same class behind it.
_SURE: Final = re.compile(
    rf"(?<![\w.:/@-])(?=([245]))({_CODE})[ ;:-]{{1,3}}\1\.[0-9]{{1,3}}\.[0-9]{{1,3}}"
    r"(?![\w.])"
)
_SIGNS: Final = re.compile(
    r"(?:\b(?:said|says|responded|replied|response|answered|error|server"
    r"|code from server|command failed|stat=[\w ,.()-]{0,80}|\bstat|returned"
    r"|reply(?: was| from [\w.\[\]-]{1,255}| with)?|message|data|smtp|remote host)"
    r"[:=;,]|: |\(|\berror(?: code)?(?= )|\breturned(?= )) {0,3}[\"'b({\[]{0,4}"
    rf"(?={_CODE}(?:[ ;:,\-\"')]|$))",
    re.IGNORECASE,
)
_CODE_FIELD: Final = re.compile(
    rf"(?:\b(?:smtp_?code|response_?code|status_?code)|[\"']code)[\"']?\s?[:=]\s?"
    rf"({_CODE})\b",
    re.IGNORECASE,
)
_TUPLE: Final = re.compile(
    rf"\(({_CODE}), {{0,2}}b?([\"'])((?:\\.|(?!\2)[^\\]){{0,{_LONGEST_LINE}}})\2"
)
# PHPMailer puts the words before the code.
_PHPMAILER: Final = re.compile(
    rf"Detail: ([^\n]{{0,{_LONGEST_LINE}}}?) SMTP code: ({_CODE})"
    rf"(?: Additional SMTP info: ({_ENHANCED}))?"
)
# sendmail's words where it does not keep the reply.
_STAT: Final = re.compile(r"\bstat=([^\n]{1,1000})")
_STATUS: Final = re.compile(
    rf"(?:^Status:|\bdsn=) {{0,8}}({_ENHANCED})\b", re.IGNORECASE | re.MULTILINE
)
_DIAGNOSTIC: Final = re.compile(
    r"^Diagnostic-Code:[ \t]{0,8}(?:[\w.-]{1,40};)?([^\n]*(?:\n[ \t][^\n]*){0,50})",
    re.IGNORECASE | re.MULTILINE,
)
# Words of the one who passes it on, where no reply came.
_OWN_WORDS: Final = re.compile(r"\bstatus=(?:deferred|bounced) \(([^\n]{1,1000})\)")
_LONE: Final = re.compile(rf"(?:[:;#(,] ?|\bwas ){{1,2}}({_ENHANCED})(?![\w.])")
_ATOM: Final = re.compile(r"^[ \t]{0,8}(?:x-)?[a-z]+;[ \t]{0,8}", re.IGNORECASE)

_WHO: Final = re.compile(
    r"(?:\bhost (?=[\w.-]{1,255}(?: ?\[[0-9A-Fa-f]*[.:]| said\b| refused\b))(?!said)"
    r"|\brelay=(?!none|local)|\bH=(?=[\w.-])|\bRemote-MTA: {0,8}dns; {0,8})"
    r"([\w.-]{1,255})(?: {0,2}\[([0-9A-Fa-f:.]{2,45})\])?",
    re.IGNORECASE,
)
_COMMAND: Final = re.compile(
    r"in reply to (?:the )?(end of DATA|MAIL FROM|RCPT TO|DATA|EHLO|HELO|AUTH|STARTTLS"
    r"|BDAT|initial|connect)"
    r"|(?:after|SMTP error from remote mail server after) (?:pipelined )?"
    r"(end of data|MAIL FROM"
    r"|RCPT TO|DATA|EHLO|HELO|AUTH|STARTTLS|BDAT|initial connection)"
    r"|\b(?:from|command failed:?|Error:) "
    r"(MAIL FROM|RCPT TO|DATA END|DATA|EHLO|HELO|AUTH)\b",
    re.IGNORECASE,
)
_STEP_OF: Final = {
    "end of data": "eod",
    "data end": "eod",
    "bdat": "eod",
    "mail from": "mail",
    "rcpt to": "rcpt",
    "data": "data",
    "ehlo": "ehlo",
    "helo": "ehlo",
    "auth": "auth",
    "starttls": "starttls",
    "initial": "greeting",
    "initial connection": "greeting",
    "connect": "greeting",
}
_CLASS_STEPS: Final = {
    "SMTPSenderRefused": "mail",
    "SMTPRecipientsRefused": "rcpt",
    "SMTPDataError": "data",
    "SMTPHeloError": "ehlo",
    "SMTPAuthenticationError": "auth",
    "SMTPConnectError": "greeting",
    "EENVELOPE": "",
    "EAUTH": "auth",
}
_CLASS: Final = re.compile("|".join(rf"\b{name}\b" for name in _CLASS_STEPS))


_CLOSERS: Final = {"'": "'", '"': '"', "`": "`", ")": "(", "]": "[", "}": "{"}


class Pasted(NamedTuple):
    """What was found in a pasted text.

    Attributes:
        code: The reply code; None: only an enhanced status code was found.
        enhanced: The enhanced status code, if there is one.
        text: The words of the reply, lines parted by LF.
        step: Where it came, as in the tables; "" if the text does not tell.
        host: Who said it, if the text tells.
        peer_ip: Its address, if the text tells.
    """

    code: int | None
    enhanced: str | None
    text: str
    step: str = ""
    host: str | None = None
    peer_ip: str | None = None


def pasted(text: str) -> Pasted | None:
    """Find the reply in a text; None: there is none.

    Example:
        >>> pasted("host mx.example said: 550 5.1.1 Gone (in reply to RCPT TO command)")
        Pasted(code=550, enhanced='5.1.1', text='Gone', step='rcpt', ...)
    """
    text = unwrap(text)
    dialogue = decisive_reply(text)
    if dialogue is not None:
        said, host = dialogue
        found = _reply("\n".join(f"{said.code} {line}" for line in said.lines))
        if found is not None:
            return found._replace(step=said.step, host=host)
    text = unfold(text)
    found = _reply_in(text)
    if found is None:
        return None
    who = _WHO.search(text)
    return found._replace(
        step=_step(text),
        host=who[1].rstrip(".") if who else None,
        peer_ip=who[2] if who else None,
    )


def _reply_in(text: str) -> Pasted | None:
    """Return the reply alone, from the surest sign of one to the weakest."""
    bare = text.lstrip(" \t\"'`[{*#-<>=")
    if _START.match(bare):
        return _reply(bare)
    for field in _DIAGNOSTIC.finditer(text):
        words = " ".join(field[1].split())
        if (found := _within(words)) is not None:
            return found
    if (told := _PHPMAILER.search(text)) is not None:
        return Pasted(int(told[2]), told[3], told[1].strip())
    tuple_ = _TUPLE.search(text)
    if tuple_ is not None:
        words = re.sub(r"\\r?\\n|\\n", "\n", tuple_[3]).replace("\\r", "")
        return _reply(f"{tuple_[1]} {words}")
    return _within(_ATOM.sub("", text)) or _code_told(text) or _lone(text)


def _lone(text: str) -> Pasted | None:
    """Return an enhanced status code that stands alone behind a sign."""
    found = _LONE.search(text)
    return _reply(text[found.start(1) :]) if found else None


def _within(text: str) -> Pasted | None:
    """Return the reply that stands somewhere in a text, behind a sign of one."""
    if _START.match(text):
        return _reply(text)
    signs = (_SIGNS.search(text), _SURE.search(text))
    starts = [
        sign.end() if sign.re is _SIGNS else sign.start() for sign in signs if sign
    ]
    if starts:
        return _reply(text[min(starts) :])
    for at, line in enumerate(lines := text.split("\n")):
        if re.match(rf"\s{{0,16}}{_CODE}[ -]", line):
            return _reply("\n".join(lines[at:]).lstrip())
    return None


def _code_told(text: str) -> Pasted | None:
    """Return a code that the one who passes it on has told by name."""
    code, status = _CODE_FIELD.search(text), _STATUS.search(text)
    if code is None and status is None:
        return None
    told = _STAT.search(text) or _OWN_WORDS.search(text) or _DIAGNOSTIC.search(text)
    return Pasted(
        int(code[1]) if code else None,
        status[1] if status else None,
        " ".join(told[1].split()) if told else "",
    )


def _reply(text: str) -> Pasted | None:
    """Take a text that begins with a code apart: all lines that carry the code."""
    first = _START.match(text)
    if first is None:
        return None
    code, enhanced = first[1], first[2] or first[3]
    lines = text.split("\n")
    again = re.compile(rf"\s{{0,16}}(?:{code or '(?!)'}[ -])\s{{0,16}}(.*)")
    words = [_words(lines[0][first.end() :], code)]
    for line in lines[1:_MOST_LINES]:
        more = again.match(line)
        if code and more is None and line.strip():
            break
        words.append(_words(more[1] if more else line, code))
    if code and enhanced is None and (inner := re.match(_ENHANCED, words[0])):
        enhanced = inner[0]
    bare = [w.removeprefix(enhanced).lstrip() if enhanced else w for w in words]
    told = "\n".join(bare).strip()
    return Pasted(int(code) if code else None, enhanced, told)


def _words(line: str, code: str | None) -> str:
    """Take off a code said twice, and what the mail system says behind the reply."""
    line = line[:_LONGEST_LINE].lstrip(" ;:,-")
    if code and line.startswith((f"{code} ", f"{code}-")):
        line = line[4:].lstrip()
    line = re.sub(r" ?\(in reply to [^()]{1,60}\)\)?$", "", line.rstrip())
    return _without_closers(line)


def _without_closers(line: str) -> str:
    """Take off what closes a quotation or a bracket that the reply does not open."""
    while line and line[-1] in _CLOSERS:
        opener = _CLOSERS[line[-1]]
        count = line.count(line[-1])
        balanced = count % 2 == 0 if opener == line[-1] else count <= line.count(opener)
        if balanced:
            break
        line = line[:-1].rstrip()
    return line


def _step(text: str) -> str:
    found = _COMMAND.search(text)
    if found is not None:
        return _STEP_OF[(found[1] or found[2] or found[3]).lower()]
    named = _CLASS.search(text)
    return _CLASS_STEPS[named[0]] if named else ""
