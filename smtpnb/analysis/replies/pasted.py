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
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from smtpnb.analysis.replies.pasted_dialogue import decisive_reply
from smtpnb.analysis.replies.pasted_json import as_fields
from smtpnb.analysis.replies.pasted_place import place_told, step_told
from smtpnb.analysis.replies.registry import REPLY_CODES
from smtpnb.analysis.replies.unwrap import MOST, unfold, unwrap

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_LINE: Final = 4096
_MOST_LINES: Final = 20
_MOST_FOUND: Final = 50
_MOST_LOOKED_AT: Final = 1000

# A reply: its code, or an enhanced status code alone, and what follows. Servers say
# codes that RFC 5321 section 4.2 does not know (571); behind a sign of ours only its
# own count: "port: 587" is no reply.
_CODE: Final = r"[2-5][0-9]{2}"
_USUAL: Final = r"(?:2[1-5][0-9]|3[35][0-9]|421|4[35][0-9]|5[0-5][0-9])"
_ENHANCED: Final = r"[245]\.[0-9]{1,3}\.[0-9]{1,3}"
_START: Final = re.compile(
    rf"({_CODE})(?:[ ;:|-]{{1,3}}|[/_](?=[245]\.)|(?![\w.:/@-]))"
    rf"(?:({_ENHANCED})(?![\w.]))?"
    rf"|({_ENHANCED})(?![\w.])"
)
# A relay passes on what the next host said to it.
_INNER: Final = re.compile(rf"responded with: {{0,2}}[\"'](?={_CODE}[ -])")
# Somewhere in a line a number alone proves nothing: a sign must stand before it, or an
# enhanced status code of the same class behind it.
_SURE: Final = re.compile(
    rf"(?<![\w.:/@-])(?=([245]))({_CODE})[ ;:/_-]{{1,3}}\1\.[0-9]{{1,3}}\.[0-9]{{1,3}}"
    r"(?![\w.])"
)
_SIGNS: Final = re.compile(
    r"(?:\b(?:said|says|responded|replied|response|answered|error|server"
    r"|code from server|command failed|stat=[\w ,.()-]{0,80}|\bstat|returned|result"
    r"|reply(?: was| from [\w.\[\]-]{1,255}| with)?|message|data|smtp|remote host"
    r"|LED|reject|LastError)"
    r"[:=;,]|: |\(|\bwith(?= \d{3}:)|\berror(?: code)?(?= )|\breturned(?= ))"
    r" {0,3}[\"'b({\[]{0,4}"
    rf"(?={_USUAL}(?:[ ;:,\-\"')]|$))",
    re.IGNORECASE,
)
# Codes are few, so that they are looked for first, and a sign before each. These two
# alone are one; before the other ends of a sign stands a word.
_MAY_BE: Final = re.compile(rf"(?<=[ :=;,(\"'b{{\[])(?={_USUAL}(?:[ ;:,\-\"')]|$))")
_BETWEEN: Final = r" {0,3}[\"'b({\[]{0,4}$"
_SIGN: Final = re.compile(rf"(?:: |\(){_BETWEEN}")
_END_OF_SIGN: Final = re.compile(
    rf"(?:[:=;,]|with|code|error|returned){_BETWEEN}", re.IGNORECASE
)
_LONGEST_SIGN: Final = 360
_LINE_START: Final = re.compile(rf"^\s{{0,16}}(?={_CODE}[ -])", re.MULTILINE)
_CODE_FIELD: Final = re.compile(
    r"(?:\b(?:smtp_?code|response_?code|status_?code|code)|[\"']code)"
    rf"[\"']?\s?[:=]\s?({_USUAL})\b",
    re.IGNORECASE,
)
_WORDS_FIELD: Final = re.compile(
    r"\b(?:details|response|message|(?-i:Msg)|reason|text)[\"']?\s?[:=]\s?[\"']([^\"'\n]{1,1000})",
    re.IGNORECASE,
)
_TUPLE: Final = re.compile(
    rf"\(({_CODE}), {{0,2}}b?([\"'])((?:\\.|(?!\2)[^\\]){{0,{_LONGEST_LINE}}})\2"
)
_BEHIND_WORDS: Final = re.compile(
    rf"([^\n\[(:=]{{3,300}}?) ?[\[(]({_USUAL}(?: {_ENHANCED})?)[\])]\.?"
)
# The last part of a bounce (RFC 6522 section 3).
_ORIGINAL: Final = re.compile(
    r"^Content-Type: (?:message/(?:rfc822|global)|text/rfc822-headers)",
    re.IGNORECASE | re.MULTILINE,
)
# PHPMailer puts the words before the code.
_PHPMAILER: Final = re.compile(
    rf"Detail: ([^\n]{{0,{_LONGEST_LINE}}}?) SMTP code: ({_CODE})"
    rf"(?: Additional SMTP info: ({_ENHANCED}))?"
)
# sendmail's words where it does not keep the reply.
_STAT: Final = re.compile(r"\bstat=([^\n]{1,1000})")
_STATUS: Final = re.compile(
    rf"(?:^Status:|\bdsn=|\benhanced(?:_?code)?=) {{0,8}}({_ENHANCED})\b",
    re.IGNORECASE | re.MULTILINE,
)
_DIAGNOSTIC: Final = re.compile(
    r"^Diagnostic-Code:[ \t]{0,8}(?:[\w.-]{1,40};)?([^\n]*(?:\n[ \t][^\n]*){0,50})",
    re.IGNORECASE | re.MULTILINE,
)
# Words of the one who passes it on, where no reply came.
_OWN_WORDS: Final = re.compile(r"\bstatus=(?:deferred|bounced) \(([^\n]{1,1000})\)")
_LONE: Final = re.compile(
    rf"(?:[:;#(,=] {{0,3}}[\"']?|\bwas ){{1,2}}({_ENHANCED})(?![\w.])"
)
_BARE: Final = re.compile(rf"(?<![\w.:/@-])(?:([2-5]\d\d)|({_ENHANCED}))(?![\w./@:-])")
_SHORT: Final = 60
_ATOM: Final = re.compile(r"^[ \t]{0,8}(?:x-)?[a-z]+;[ \t]{0,8}", re.IGNORECASE)
# The logs of Exim, Postfix and Dovecot tell a refusal of their own by a word, without
# its code: for good (5), or for now (4).
_NO_CODE: Final = re.compile(
    r" (?P<how>\*\*|==) (?P<of>\S[^\n]{0,1000})"
    r"|\b(?P<later>temporarily )?rejected (?:after )?(?:RCPT|MAIL|DATA|EHLO|HELO|AUTH"
    r"|connection|VRFY)\b(?P<what>[^\n]{0,1000})"
    r"|\bstatus=(?P<put_off>deferred|bounced) \((?P<why>[^\n]{1,1000})\)"
    r"|\bsender verify (?P<unsure>fail|defer) for (?P<sender>[^\n]{1,1000})"
    r"|\bdovecot: (?:lmtp|lda)\b[^\n]{0,400}?: (?P<not_kept>(?:save failed to"
    r"|[Ff]ailed to (?:store into|initialize user|lookup user))\b[^\n]{0,1000})"
)


_CLOSERS: Final = {"'": "'", '"': '"', "`": "`", ")": "(", "]": "[", "}": "{", ">": "<"}


class Pasted(NamedTuple):
    """What was found in a pasted text.

    Attributes:
        code: The reply code; None: only an enhanced status code was found.
        enhanced: The enhanced status code, if there is one.
        text: The words of the reply, lines parted by LF.
        step: Where it came, as in the tables, or "message" (DATA or its end); "" if
            the text does not tell.
        host: Who said it, if the text tells.
        peer_ip: Its address, if the text tells.
        digit: The class, where a log tells that and no code.
        others: Other refusals in the same text, as they were said.
    """

    code: int | None
    enhanced: str | None
    text: str
    step: str = ""
    host: str | None = None
    peer_ip: str | None = None
    digit: int | None = None
    others: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether it is a no."""
        first = self.code // 100 if self.code else int((self.enhanced or "0")[0])
        return (self.digit or first) >= 4


class _At(NamedTuple):
    """A reply and the offset at which it stands."""

    start: int
    reply: Pasted


def pasted(text: str, *, where: bool = True) -> Pasted | None:
    """Find the reply in a text; None: there is none.

    Of several the first refusal is taken, and the others are named.

    Args:
        text: What was pasted.
        where: Look for its step and for who said it, too: half of the time.

    Example:
        >>> pasted("host mx.example said: 550 5.1.1 Gone (in reply to RCPT TO command)")
        Pasted(code=550, enhanced='5.1.1', text='Gone', step='rcpt', ...)
    """
    text = unwrap(as_fields(text[:MOST]) or text)
    if "\n" not in text and (plain := _plain(text)) is not None:
        return plain
    dialogue = decisive_reply(text)
    if dialogue is not None:
        said, host, others = dialogue
        found = _reply("\n".join(f"{said.code} {line}" for line in said.lines))
        if found is not None:
            return found._replace(step=said.step, host=host, others=others)
    text = unfold(text)
    every = _replies_in(text)
    if not every:
        return None
    start, found = next((at for at in every if at.reply.refused), every[0])
    found = found._replace(others=_others(found, every))
    if not where:
        return found
    step, (host, peer_ip) = "", (None, None)
    for around in _around(text, start, alone=len({at.reply[:3] for at in every}) == 1):
        step = step or step_told(around)
        if host is None:
            host, peer_ip = place_told(around)
        if step and host:
            break
    return found._replace(step=step, host=host, peer_ip=peer_ip)


def _plain(text: str) -> Pasted | None:
    """Return a line that is nothing but a reply, as most are; None: it is more."""
    found = _reply(text)
    if found is None or found.code is None or _INNER.search(text):
        return None
    if "[LastAttempted" in text:  # Exchange names the host behind the reply
        return None
    told = text.find("(in reply to ")
    return found._replace(step=step_told(text[told:])) if told >= 0 else found


def _others(found: Pasted, every: list[_At]) -> tuple[str, ...]:
    """Return the refusals that have other codes than the one that was taken."""
    codes = found.code, found.enhanced
    told = {
        (one.code, one.enhanced): one
        for _, one in reversed(every)
        if one.refused and (one.code, one.enhanced) not in {codes, (found.code, None)}
    }
    return tuple(
        " ".join(str(part) for part in one[:3] if part)
        for one in reversed(told.values())
    )


def _around(text: str, start: int, *, alone: bool) -> list[str]:
    """Return what tells of a reply, the nearest first: its line, its paragraph.

    Of one reply alone the whole text does.
    """
    line = text[text.rfind("\n", 0, start) + 1 :].partition("\n")[0]
    before, end = text.rfind("\n\n", 0, start), text.find("\n\n", start)
    paragraph = text[before + 1 : len(text) if end < 0 else end]
    return list(dict.fromkeys([line, paragraph, *([text] if alone else [])]))


def _replies_in(text: str) -> list[_At]:
    """Return the replies of a text: those with the surest sign, as they stand."""
    bare = text.lstrip(" \t\"'`[{*#-<>=|")
    if (first := _reply(bare)) is not None:
        vague = first.code is None or _INNER.search(first.text) is not None
        better = [at for at in _signed(text) if at.reply.code] if vague else []
        return better or _at_line_starts(text, first)
    for find in (_in_fields, _in_phpmailer, _in_tuples, _behind_words):
        if found := find(text):
            return found
    for find in (_within, _code_told, _lone, _without_code, _asked):
        if found := find(text):
            return found
    return []


def _at_line_starts(text: str, first: Pasted) -> list[_At]:
    """Return a reply that begins the text, and those that begin a line behind it."""
    every = [_At(0, first)]
    for line in _LINE_START.finditer(text):
        if text[line.end() : line.end() + 3] == f"{every[-1].reply.code}":
            continue  # a line more of the same
        one = _reply(text[line.end() : line.end() + _LONGEST_LINE * 2])
        if one is not None and one.code != first.code:
            every.append(_At(line.end(), one))
        if len(every) > _MOST_FOUND:
            break
    return every


def _in_fields(text: str) -> list[_At]:
    """Return what stands in Diagnostic-Code fields (RFC 3464 section 2.3.6)."""
    every: list[_At] = []
    original = _ORIGINAL.search(text)
    for field in _DIAGNOSTIC.finditer(text):
        if every and original is not None and field.start() > original.start():
            break  # of the message that is returned, not of its return
        lines = [line.strip() for line in field[1].split("\n")]
        told = re.sub(rf"\n(?!{_CODE}[ -])", " ", "\n".join(lines)).strip()
        every += [_At(field.start(), at.reply) for at in _within(told)[:1]]
    return every


def _in_phpmailer(text: str) -> list[_At]:
    told = _PHPMAILER.search(text)
    if told is None:
        return []
    said = " ".join(part for part in (told[2], told[3], told[1].strip()) if part)
    one = _reply(said)
    return [_At(told.start(), one)] if one else []


def _behind_words(text: str) -> list[_At]:
    """Return a reply whose code stands behind its words: "User unknown (550 5.1.1)"."""
    told = _BEHIND_WORDS.fullmatch(text)
    one = _reply(f"{told[2]} {told[1]}") if told else None
    return [_At(0, one)] if one else []


def _in_tuples(text: str) -> list[_At]:
    """Return the replies that Python shows: `(550, b'5.1.1 Gone')`."""
    every: list[_At] = []
    for told in _TUPLE.finditer(text):
        words = re.sub(r"\\r?\\n|\\n", "\n", told[3]).replace("\\r", "")
        if (one := _reply(f"{told[1]} {words}")) is not None:
            every.append(_At(told.start(), one))
    return every


def _within(text: str) -> list[_At]:
    """Return the replies that stand somewhere in a text, behind a sign of one."""
    text = _ATOM.sub("", text)
    if (one := _reply(text)) is not None:
        return [_At(0, one)]
    return _signed(text) or [
        _At(line.end(), one)
        for line in islice(_LINE_START.finditer(text), _MOST_FOUND)
        if (one := _reply(text[line.end() :])) is not None
    ]


def _signed(text: str) -> list[_At]:
    """Return the replies behind a sign; those that others passed on come first."""
    ends = [found.end() for found in islice(_INNER.finditer(text), _MOST_FOUND)]
    if not ends:
        ends = list(islice(_behind_signs(text), _MOST_FOUND))
        ends += [found.start() for found in islice(_SURE.finditer(text), _MOST_FOUND)]
    return [
        _At(start, one)
        for start in sorted(set(ends))
        if (one := _reply(text[start : start + _LONGEST_LINE * 2])) is not None
    ]


def _behind_signs(text: str) -> Iterator[int]:
    """Yield where codes stand behind a sign."""
    for found in islice(_MAY_BE.finditer(text), _MOST_LOOKED_AT):
        at = found.start()
        near = text[max(0, at - 16) : at]
        if _SIGN.search(near):
            yield at
        elif _END_OF_SIGN.search(near):
            signs = _SIGNS.finditer(text, max(0, at - _LONGEST_SIGN), at + 4)
            if any(sign.end() == at for sign in signs):
                yield at


def _code_told(text: str) -> list[_At]:
    """Return a code that the one who passes it on has told by name."""
    code, status = _CODE_FIELD.search(text), _STATUS.search(text)
    if code is not None and int(code[1]) not in REPLY_CODES:
        code = None  # HTTP says 404
    told = _STAT.search(text) or _OWN_WORDS.search(text) or _DIAGNOSTIC.search(text)
    if code is None and status is None:
        return []
    if told is None:
        told = _WORDS_FIELD.search(text)
    start = (code or status).start()  # type: ignore[union-attr]  # one is there
    if told is not None and code is not None and status is None:
        one = _reply(f"{code[1]} {' '.join(told[1].split())}")
        return [_At(start, one)] if one else []
    words = " ".join(told[1].split()) if told else ""
    number = int(code[1]) if code else None
    return [_At(start, Pasted(number, status[1] if status else None, words))]


def _lone(text: str) -> list[_At]:
    """Return an enhanced status code that stands alone behind a sign."""
    found = _LONE.search(text)
    one = _reply(text[found.start(1) :]) if found else None
    return [_At(found.start(1), one)] if found and one else []


def _without_code(text: str) -> list[_At]:
    """Return a refusal that a log tells without any code."""
    found = _NO_CODE.search(text)
    if found is None or (found["how"] == "==" and " defer (" not in found["of"]):
        return []
    words = found["why"] or found["not_kept"]
    if found["sender"]:
        words = f"sender verify {found['unsure']} for {found['sender']}"
    words = words or (found["of"] or found["what"]).partition(": ")[2]
    later = found["how"] == "==" or found["later"] or found["put_off"] == "deferred"
    later = later or found["unsure"] == "defer"
    if found[
        "not_kept"
    ]:  # Dovecot: all for now but a full mailbox (quota_full_tempfail)
        later = "quota" not in words.lower()
    digit = 4 if later else 5
    if not words.strip():
        return []
    said = Pasted(None, None, " ".join(words.split()), digit=digit)
    return [_At(found.start(), said)]


def _asked(text: str) -> list[_At]:
    """Return the code that a short question is about: "what does 5.7.515 mean?"."""
    if len(text) > _SHORT or (found := _BARE.search(text)) is None:
        return []
    code = int(found[1]) if found[1] else None
    if code is not None and code not in REPLY_CODES:
        return []
    return [_At(found.start(), Pasted(code, found[2], ""))]


def _reply(text: str) -> Pasted | None:
    """Take a text that begins with a code apart: all lines that carry the code."""
    first = _START.match(text)
    if first is None:
        return None
    code, enhanced = first[1], first[2] or first[3]
    lines = text[: _LONGEST_LINE * _MOST_LINES].split("\n", _MOST_LINES)
    again = re.compile(rf"\s{{0,16}}(?:{code or '(?!)'}[ -])\s{{0,16}}(.*)")
    words = [_words(lines[0][first.end() :], code)]
    for line in lines[1:_MOST_LINES]:
        more = again.match(line)
        if code and more is None and line.strip():
            if not "".join(words):  # broken behind the code
                words.append(_words(line, code))
            break
        words.append(_words(more[1] if more else line, code))
    if code is None and (behind := re.match(rf"({enhanced[0]}\d\d) ", words[0])):
        return _reply(f"{behind[1]} {enhanced} {words[0][4:]}")  # the other way round
    if code and enhanced is None and (inner := re.match(_ENHANCED, words[0])):
        enhanced = inner[0]
    bare = [w.removeprefix(enhanced).lstrip(" -:") if enhanced else w for w in words]
    told = "\n".join(bare).strip()
    return Pasted(int(code) if code else None, enhanced, told)


def _words(line: str, code: str | None) -> str:
    """Take off a code said twice, and what the mail system says behind the reply."""
    line = line[:_LONGEST_LINE].strip().strip("|").lstrip(" ;:,-)]}|")
    if code and line.startswith((f"{code} ", f"{code}-")):
        line = line[4:].lstrip()
    line = re.sub(r" ?\(in reply to [^()]{1,60}(?:\)\)?)?$", "", line.rstrip())
    return _without_closers(_within_quotes(line))


# What Postfix's smtpd and Exchange's logs and reports put behind the reply.
_BEHIND: Final = re.compile(
    r"; from=<[^<>]{0,320}> to=<[^\n]*$|; proto=E?SMTP[^\n]*$|\};\{[^\n]*$|> ?#SMTP#$"
    r"|,$"
)


def _within_quotes(line: str) -> str:
    """Cut a line where the quotation ends that the reply stood in."""
    for quote in "'\"":
        end = re.search(rf"{quote}(?= ?[,)}}\]]|\. | {quote}|[\"'.]{{0,8}}$)", line)
        if end is not None and line.count(quote, 0, end.start()) % 2 == 0:
            line = line[: end.start()]
    return _BEHIND.sub("", line).rstrip()


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
