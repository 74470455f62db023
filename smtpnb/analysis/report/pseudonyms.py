"""Other names for addresses, hosts, IP addresses and queue ids, the same every time.

A session is rewritten event by event, before anything is made of it: whatever is made
then (text, tables, explanations) can hold no name that it never saw. What looks like an
address, a host, a URL or an IP address is replaced wherever it stands; what does not
look like one (a host of one label, a queue id) is replaced where the session itself
says what it is. The senders and recipients of the session, their local parts, what VRFY
and EXPN ask for, ENVID, ORCPT and AUTH of MAIL and RCPT are replaced in every form in
which a server may write them (`forms`); the words of a local part and the name of an
organisation, as its domain has it, where they stand as words; and the full names that
VRFY and EXPN tell.

What stays: loopback addresses, "localhost", words that name a role rather than a person
("postmaster"), times, and prose. A server that says "Welcome to the Smiths" still does.

This module knows nothing of reports.
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis.compare.volatile import VOLATILE, names_of
from smtpnb.analysis.report.forms import Forms, canonical, decoded
from smtpnb.analysis.report.prose import is_prose
from smtpnb.protocol.queue_ids import queue_id
from smtpnb.transcript import parse as words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smtpnb.transcript.log import Event

# Bounded, as a reply may be 64 KiB of anything. The order matters: the first that fits
# at a place takes it.
_NAME = re.compile(
    r"""
    (?P<url>\bhttps?://[^\s<>"]{1,2000})
    | (?P<address>
        (?<![^\s<>(,:;\["'=])
        (?:"(?:[^"\\]|\\.){0,64}"|[^\s<>@,:;()\[\]"\\]{1,128})
        @(?:\[[^\s\]]{1,64}\]|[\w-]{1,63}(?:\.[\w-]{1,63}){0,20}))
    | (?P<v6>(?=[0-9A-Fa-f]{0,40}:)[0-9A-Fa-f:][0-9A-Fa-f:.]{1,52}
        (?![\w:]))
    | (?P<v4>(?<!\d)(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d))
    | (?P<host>(?<![\w-])[\w-]{1,63}(?:\.[\w-]{1,63}){0,20}
        \.(?:[^\W\d_]{2,63}|xn--[\w-]{1,59})(?![\w-]|\.\w))
    | (?P<word>(?<![\w+-])
        \w(?:[\w+-]{0,62}\w)?(?:\.\w(?:[\w+-]{0,62}\w)?){0,8}(?!\w))
    """,
    re.VERBOSE | re.IGNORECASE,
)
_V4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
# Ids that need no name of their own: nothing else refers to them.
_IDS: Final = tuple(
    volatile
    for volatile in VOLATILE
    if re.search(r"\{(session |message )?id\}", volatile.stands)
)
# A role or a plain word is nobody's name; as local parts they stay when alone.
_ROLES: Final = (
    "abuse account address admin administrator all and contact data error for from "
    "help host hostmaster info local localhost mail mailbox mailer-daemon message new "
    "news no-reply nobody noreply not office postmaster recipient reply root sales "
    "sender server service smtp support test the unknown user users webmaster with you"
)
_WORDS: Final = frozenset(_ROLES.split())
# Parameters of MAIL and RCPT that hold a name: RFC 3461 section 4, RFC 4954 section 5.
_PARAMETER = re.compile(r" (ENVID|ORCPT|AUTH)=(\S{1,1000})", re.IGNORECASE)
# A quoted local part may hold what ends a name elsewhere.
_PARTS = re.compile(r"[\s\"'\\@<>(),:;=]+")
# What VRFY and EXPN answer: a full name, and the mailbox (RFC 5321 section 3.5.1).
_FULL_NAME = re.compile(r"^([^<>\n]{1,120}?) ?<([^<>\s]{1,320})>", re.MULTILINE)
_SHORT: Final = 3  # letters that may be anything
_QUOTED_PAIR = re.compile(r"\\(.)")
# Facts of a certificate that name its owner, or are a name themselves.
_NAMING: Final = frozenset({"cert_subject", "cert_issuer", "cert_sha256"})
_OWNERS = re.compile(r";? ?(?:subject|issued by) [^;]{0,2000}")


def pseudonymise(events: Iterable[Event]) -> list[Event]:
    """Return events in which all names are others, the same one for the same name.

    Args:
        events: Of any number of sessions.
    """
    events = list(events)
    names = Pseudonyms()
    names.learn(events)
    return [_rewritten(event, names) for event in events]


class Pseudonyms:
    """Names given so far. The case of a name does not matter."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._originals: set[str] = set()
        self._counts: dict[str, int] = {}
        self._forms = Forms()

    def learn(self, events: Iterable[Event]) -> None:
        """Take in what a session says is a name, and what must not be given as one."""
        events = list(events)
        for event in events:
            self._learn_originals(event)
        for event in events:  # so that the host asked for is the first
            self.replace(event.host)
        for event in events:
            if event.event == "reply":
                self._learn_queue_id(event.text)
            elif event.event == "command":
                self._learn_command(event.step, event.text or "")
        for event in events:
            self._learn_full_names(event)
            self._learn_addresses(event.text or "")
        ends = names_of(events)
        for host in sorted(ends.hosts | ends.clients):
            if not _NAME.fullmatch(host) or _is_word(host):
                self._give(host, "host{}.example")
            elif not host.startswith("["):
                self._organisation(host, self.replace(host))

    def _learn_originals(self, event: Event) -> None:
        for text in _texts(event):
            for match in _NAME.finditer(text):
                self._originals.add(match.group().lower())
                self._originals.update(match.group().lower().rsplit("@", 1))

    def _learn_addresses(self, text: str) -> None:
        """Take in whoever is named: servers know others than those we asked for."""
        for match in _NAME.finditer(canonical(text)):
            if match.lastgroup == "address":
                self._learn_path(match.group())

    def _learn_command(self, step: str, text: str) -> None:
        """Take in whom a command names."""
        verb, _, argument = canonical(text).partition(" ")
        if step in {"mail", "rcpt"}:
            self._learn_path(words.path(argument) or "")
            for name, value in _PARAMETER.findall(argument):
                self._learn_parameter(name.upper(), value)
        elif verb.upper() in {"VRFY", "EXPN"}:
            self._learn_path(argument.strip().strip("<>"))

    def _learn_full_names(self, event: Event) -> None:
        """Take in people's names as VRFY and EXPN tell them."""
        if event.event != "reply" or event.step not in {"vrfy", "expn"}:
            return
        for name, path in _FULL_NAME.findall(canonical(event.text or "")):
            self._learn_path(path)
            user = self.replace(path).partition("@")[0]
            for word in re.findall(r"[^\W\d_][\w'-]{1,62}", name):
                if word.lower() not in _WORDS and not is_prose(word):
                    self._given.setdefault(word.lower(), user)

    def _learn_parameter(self, name: str, value: str) -> None:
        plain = decoded(value)
        if name == "ENVID":
            given = self._give(value, "envid{}")
            self._forms.add(value, given)
            self._forms.add(plain, given)
        else:
            self._learn_path(plain.rpartition(";")[2].strip("<>"))

    def _learn_queue_id(self, text: str | None) -> None:
        name = queue_id(text)
        if name:
            self._give(name, "queueid{}")

    def _learn_path(self, path: str) -> None:
        path = canonical(path)
        quoted, at, _ = path.rpartition("@")
        local = _unquoted(quoted if at else path)
        if not at and local.lower() in _WORDS:
            return  # "postmaster" needs no domain, RFC 5321 section 4.1.1.3
        if not local:
            return
        given = self._address(path) if at else self._give(path, "user{}")
        user = given.partition("@")[0]
        self._forms.add(path, given)
        if at:
            self._forms.add(f"{local}@{path.rpartition('@')[2]}", given)
        # "ann+news" is ann, who asked for a detail; some read dots as nothing.
        undotted = local.replace(".", "") if len(local) > _SHORT else ""
        parts = [part for part in _PARTS.split(local) if part != local]
        inner = [part for part in parts if len(part) >= _SHORT and not is_prose(part)]
        for name in (local, quoted, local.partition("+")[0], undotted, *inner):
            if name and name.lower() not in _WORDS:
                self._forms.add(name, user)
        said = local.split(".")
        for name in said:  # "Dear Joe", "the Bloggs family"
            self._word(name, user)
        if len(said) == 2 and all(len(name) > 1 for name in said):  # "Bloggs, Joe"
            self._forms.add(f"{said[1]}, {said[0]}", user)
            self._forms.add(f"{said[1]} {said[0]}", user)
        if at:
            self._organisation(path.rpartition("@")[2], given.rpartition("@")[2])

    def _organisation(self, domain: str, given: str) -> None:
        """Have the name of an organisation replaced, and the words it is made of."""
        name = _organisation(domain)
        for word in dict.fromkeys([name, *name.split("-")]):
            self._word(word, given)

    def _word(self, name: str, given: str) -> None:
        """Have a name replaced where it stands as a word of its own."""
        lower = name.lower()
        if len(name) > _SHORT and lower not in _WORDS and not is_prose(lower):
            self._given.setdefault(lower, given.partition(".")[0])

    def _give(self, name: str, form: str) -> str:
        """Return the name for `name`; never one that somebody already bears."""
        known = self._given.get(name.lower())
        if known is not None:
            return known
        while True:
            n = self._counts[form] = self._counts.get(form, 0) + 1
            given = form.format(n)
            if given not in self._originals:
                self._given[name.lower()] = self._given[given] = given
                return given

    def replace(self, text: str) -> str:
        """Return text with every name in it replaced."""
        for volatile in _IDS:
            text = volatile.pattern.sub(volatile.stands, text)
        return _NAME.sub(self._other, self._forms.replace(text))

    def _other(self, match: re.Match[str]) -> str:
        name, kind = match.group(), match.lastgroup
        if kind == "word":
            return self._given.get(name.lower()) or _V4.sub(self._inner_ip, name)
        if kind == "url":
            scheme, _, rest = name.partition("://")
            return f"{scheme}://{self.replace(re.split('[/?#]', rest)[0])}/..."
        if kind == "address":
            return self._address(name)
        if kind == "host":
            return self._given.get(name.lower()) or self._give(name, "host{}.example")
        return self._ip(name)

    def _address(self, address: str) -> str:
        known = self._given.get(address.lower())
        if known is not None:
            return known
        local, _, domain = address.rpartition("@")
        host = self.replace(domain)
        if host == domain.lower() or host == domain:  # of one label, or a loopback
            host = self._give(domain, "host{}.example")
        user = self._give(f"{local}@{domain}", "user{}")
        given = f"{user}@{host}"
        self._given[address.lower()] = self._given[given] = given
        return given

    def _inner_ip(self, match: re.Match[str]) -> str:
        return self._ip(match.group())

    def _ip(self, text: str) -> str:
        before, address, after = _split_ip(text)
        if address is None or address.is_loopback or address.is_unspecified:
            return text  # a time, a version; or nobody's name
        form = "192.0.2.{}" if address.version == 4 else "2001:db8::{}"
        return f"{before}{self._give(address.compressed, form)}{after}"


def _organisation(domain: str) -> str:
    """The label of a domain that names whose it is: "corp" of mail.corp.co.uk."""
    if domain.startswith("[") or domain.lower().endswith("localhost"):
        return ""
    labels = domain.split(".")[:-1]
    return next((label for label in reversed(labels) if len(label) > _SHORT), "")


def _unquoted(local: str) -> str:
    """A local part without its quotes (RFC 5321 section 4.1.2)."""
    if len(local) > 1 and local[0] == local[-1] == '"':
        return _QUOTED_PAIR.sub(r"\1", local[1:-1])
    return local


def _split_ip(
    text: str,
) -> tuple[str, ipaddress.IPv4Address | ipaddress.IPv6Address | None, str]:
    """Find the address in hex, colons and dots: "host:" or a full stop may be there."""
    starts = [0, *(at + 1 for at, char in enumerate(text) if char == ":")]
    for start in starts:
        for shown in (text[start:], text[start:].rstrip(".:")):
            try:
                address = ipaddress.ip_address(shown)
            except ValueError:
                continue
            return text[:start], address, text[start + len(shown) :]
    return "", None, text


def _is_word(name: str) -> bool:
    match = _NAME.fullmatch(name)
    return match is not None and match.lastgroup == "word"


def _texts(event: Event) -> list[str]:
    return [event.host, event.peer_ip or "", event.text or "", event.detail or ""]


def _rewritten(event: Event, names: Pseudonyms) -> Event:
    text = event.text
    if text is not None and event.event == "reply" and event.code == 334:
        text = f"<challenge {len(text)} octets>"  # base64 may hold a name
    elif text is not None and event.event in {"tls", "error"}:
        text = _OWNERS.sub("", text)
    detail = json.loads(event.detail) if event.detail else None
    return event._replace(
        run_id="",
        session_id=f"session of {names.replace(event.host)}",
        host=names.replace(event.host),
        peer_ip=event.peer_ip and names.replace(event.peer_ip),
        text=text if text is None else names.replace(text),
        detail=json.dumps(_inside(detail, names)) if detail else None,
    )


def _inside(value: Any, names: Pseudonyms) -> Any:
    """The same value with every text in it replaced."""
    if isinstance(value, str):
        return names.replace(_OWNERS.sub("", value))
    if isinstance(value, list):
        return [_inside(item, names) for item in value]
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in _NAMING}
        return {key: _inside(item, names) for key, item in kept.items()}
    return value
