"""One name for a host: what DNS, TLS and EHLO are given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.names import a_label, address_literal, host_name

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address


@pytest.mark.parametrize(
    ("domain", "ascii_form"),
    [
        ("example.org", "example.org"),
        ("Example.ORG", "Example.ORG"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.Example", "xn--bcher-kva.example"),
        ("例え.jp", "xn--r8jz45g.jp"),
        ("例え。jp", "xn--r8jz45g.jp"),
        # IDNA 2003, which ssl speaks, makes another registrant's name of it
        ("straße.example", "xn--strae-oqa.example"),
        ("straße.example.", "xn--strae-oqa.example."),
        ("mx_1.straße.example", "mx_1.xn--strae-oqa.example"),
        ("ⴀ.example", "xn--rkj.example"),
    ],
)
def test_a_domain_has_this_ascii_form(domain: str, ascii_form: str) -> None:
    assert a_label(domain) == ascii_form


@pytest.mark.parametrize(
    "domain",
    ["\u2488com", "é..b", ".é", "é\ud800", "é" * 300, "é b", "℀.example", "é.a b"],
)
def test_what_is_no_domain_has_no_ascii_form(domain: str) -> None:
    with pytest.raises(LocalProtocolError, match="not a domain name"):
        a_label(domain)


@given(st.text(max_size=20))
def test_an_ascii_form_holds_letters_digits_and_hyphens(domain: str) -> None:
    try:
        ascii_form = a_label(domain)
    except LocalProtocolError:
        return
    assert domain.isascii() or re.fullmatch(r"[a-z0-9._-]+", ascii_form)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("mx.example", "mx.example"),
        ("mx.example.", "mx.example"),
        ("MX.Example", "MX.Example"),
        ("localhost", "localhost"),
        ("mx_1.example", "mx_1.example"),
        ("straße.example.", "xn--strae-oqa.example"),
        ("straße。example。", "xn--strae-oqa.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("\uff11\uff19\uff12.0.2.1", "192.0.2.1"),
        ("[192.0.2.1]", "192.0.2.1"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_a_host_has_this_name(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    "host",
    [
        *("", ".", "..", ".mx.example", "mx..example", "mx.example.."),
        *("a" * 64 + ".example", "a." * 127 + "aaa", "é" * 300),
        *(
            "mx example",
            "mx.example/x",
            "user@mx.example",
            "mx.example:25",
            "*.example",
        ),
        *(
            "*.example",
            "mx.example\r\nQUIT",
            "mx\x00.example",
            "<mx.example>",
            "mx%eth0",
            "[]",
        ),
        *("[mx.example", "::g", "1:2", "[IPv6:::1]", "℀.example", "\ud800"),
    ],
)
def test_what_is_no_host_has_no_name(host: str) -> None:
    with pytest.raises(LocalProtocolError, match=r"is not a (host|domain) name"):
        host_name(host)


@given(st.ip_addresses())
def test_an_address_is_its_own_name(address: IPv4Address | IPv6Address) -> None:
    mapped = getattr(address, "ipv4_mapped", None)
    assert host_name(str(address)) == str(mapped or address)
    assert host_name(f"[{address}]") == str(mapped or address)


@pytest.mark.parametrize(
    "text", ["127.1", "1.2.3.256", "01.2.3.4", "1.2.3.4.5", "0x7f"]
)
def test_a_number_that_is_no_address_is_a_name(text: str) -> None:
    assert host_name(text) == text


@given(st.text(max_size=30))
def test_a_name_is_the_name_of_itself(host: str) -> None:
    try:
        name = host_name(host)
    except LocalProtocolError:
        return
    assert host_name(name) == name
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,253}", name)
    # what ssl does to it, and what SNI carries, changes nothing any more
    assert ":" in name or name.encode("idna").decode() == name


@pytest.mark.parametrize(
    ("local", "literal"),
    [
        ("192.0.2.1", "[192.0.2.1]"),
        ("::1", "[IPv6:::1]"),
        ("2001:db8::1", "[IPv6:2001:db8::1]"),
        ("fe80::1%eth0", "[IPv6:fe80::1]"),
        ("fe80::1%2", "[IPv6:fe80::1]"),
        ("::ffff:192.0.2.1", "[192.0.2.1]"),
        ("::ffff:c000:201", "[192.0.2.1]"),
        ("::ffff:192.0.2.1%eth0", "[192.0.2.1]"),
    ],
)
def test_an_address_introduces_itself_so(local: str, literal: str) -> None:
    assert address_literal(local) == literal
