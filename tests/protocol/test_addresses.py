from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpnb.protocol.addresses import (
    MAX_DOMAIN,
    MAX_LOCAL_PART,
    MAX_PATH,
    forward_path,
    reverse_path,
)
from smtpnb.protocol.errors import LocalProtocolError

ACCEPTED = [
    "a@b",
    "a.b@c.example",
    "A.B@C.Example",
    "a+tag@b",
    "!#$%&'*+-/=?^_`{|}~@b",
    "a@xn--bcher-kva.example",
    "a@[192.0.2.1]",
    "a@[IPv6:2001:db8::1]",
    "a@[IPv6:::ffff:192.0.2.1]",
    '"a b"@c',
    '"a@b"@c',
    '"a\\"b"@c',
    '"a\\\\"@c',
    '""@c',
    '"<>"@c',
    "é@b",
    "漢字@例え.jp",
    "x" * MAX_LOCAL_PART + "@b",
    "a@" + "d" * (MAX_PATH - 4),
]

REFUSED = {
    "a": "local-part@domain",
    "@b": "local-part@domain",
    "a@": "local-part@domain",
    "@": "local-part@domain",
    "<a@b": "quoted local part",
    "a@b>": "does not belong in a domain",
    "<<a@b>>": "quoted local part",
    "a b@c": "quoted local part",
    "a@b c": "does not belong in a domain",
    " a@b": "quoted local part",
    "a@b ": "does not belong in a domain",
    "a@b@c": "does not belong in a domain",
    "a,b@c": "quoted local part",
    "a@b,c@d": "does not belong in a domain",
    "@a,@b:c@d": "local-part@domain",
    "a:b@c": "quoted local part",
    "a@b:25": "does not belong in a domain",
    "Name <a@b>": "quoted local part",
    'a"b"@c': "quoted local part",
    '"a"b@c': "after the quoted local part",
    '"a"@': "after the quoted local part",
    '"a"': "after the quoted local part",
    '"a@b': "no end",
    '"a\\"@b': "no end",
    '"': "no end",
    '"a\\': "no end",
    "a..b@c": "empty atom",
    ".a@b": "empty atom",
    "a.@b": "empty atom",
    "a@b..c": "empty label",
    "a@.b": "empty label",
    "a@b.": "empty label",
    "a@[]": "address literal",
    "a@[192.0.2.1": "does not belong in a domain",
    "a@192.0.2.1]": "does not belong in a domain",
    "a@[1]]": "address literal",
    "a@[1 2]": "address literal",
    "a@[<>]": "address literal",
    "x" * (MAX_LOCAL_PART + 1) + "@b": "local part has more than 64",
    '"' + "x" * (MAX_LOCAL_PART - 1) + '"@b': "local part has more than 64",
    "é" * (MAX_LOCAL_PART // 2 + 1) + "@b": "local part has more than 64",
    "a@" + "d" * (MAX_DOMAIN + 1): "domain has more than 255",
    "a@" + "d" * MAX_DOMAIN: "at most 256 octets",
    "a@" + "d" * (MAX_PATH - 3): "at most 256 octets",
    "x" * 64 + "@" + "d" * 190: "at most 256 octets",
}


@pytest.mark.parametrize("path", ACCEPTED)
def test_a_path_is_sent_as_it_is(path: str) -> None:
    for function in (reverse_path, forward_path):
        assert function(path) == f"<{path}>"
        assert function(f"<{path}>") == f"<{path}>"


@pytest.mark.parametrize("path", REFUSED, ids=lambda p: p[:20])
def test_what_is_not_a_path_is_refused_with_the_reason(path: str) -> None:
    for function in (reverse_path, forward_path):
        with pytest.raises(LocalProtocolError, match=REFUSED[path]):
            function(path)
        assert function(path, lax=True) in {f"<{path}>", path}


def test_the_limits_are_those_of_the_rfc() -> None:
    assert (MAX_LOCAL_PART, MAX_DOMAIN, MAX_PATH) == (64, 255, 256)


def test_the_null_path_is_a_sender_and_no_recipient() -> None:
    assert reverse_path("") == "<>"
    assert reverse_path("<>") == "<>"
    for path in ("", "<>"):
        with pytest.raises(LocalProtocolError, match="a recipient is needed"):
            forward_path(path)
        assert forward_path(path, lax=True) == "<>"


@pytest.mark.parametrize("path", ["postmaster", "Postmaster", "<POSTMASTER>"])
def test_postmaster_needs_no_domain_as_a_recipient_only(path: str) -> None:
    assert forward_path(path) == f"<{path.strip('<>')}>"
    with pytest.raises(LocalProtocolError):
        reverse_path(path)


@given(st.text(max_size=80) | st.text('a@.\\"<>[] :é', max_size=12))
@example('"\\"@')
def test_an_accepted_path_is_never_changed(text: str) -> None:
    for function in (reverse_path, forward_path):
        for lax in (False, True):
            try:
                path = function(text, lax=lax)
            except LocalProtocolError:
                assert not lax
                continue
            assert path in {f"<{text}>", text}
            if not lax:
                outside = re.sub(r'^<"(?:[^"\\]|\\.)*"', "<", path, flags=re.DOTALL)
                assert not set(outside[1:-1]) & set('<> "')


def test_hostile_addresses_take_linear_time() -> None:
    for text in ('"' + "\\" * 200_000, "a@" * 100_000, "." * 200_000, "<" * 200_000):
        with pytest.raises(LocalProtocolError):
            forward_path(text)
