"""Paths: what may stand between the angle brackets of MAIL and RCPT.

An address is refused or sent as it is, never repaired: a tool that rewrites what it
was told to test lies about the test, and address parsers that repair are how commands
get injected. So nothing here extracts an address from something longer; one linear
scan says yes or no.

Checked against RFC 5321 section 4.1.2 (grammar) and 4.5.3.1 (limits); non-ASCII
against RFC 6531 section 3.3. This module decides; it never changes an address.
"""

from __future__ import annotations

from typing import Final

from smtpnb.protocol.errors import LocalProtocolError

# RFC 5321 section 4.5.3.1, in octets.
MAX_LOCAL_PART: Final = 64
MAX_DOMAIN: Final = 255
MAX_PATH: Final = 256

_SPECIALS: Final = frozenset('<>()[]\\,;:@" ')


def reverse_path(text: str, *, lax: bool = False) -> str:
    """Return the path of MAIL FROM with its brackets; "" is the null path "<>".

    Args:
        text: A mailbox, with or without angle brackets, or "" (RFC 5321 4.5.5).
        lax: Accept what breaks the grammar (what could inject is refused elsewhere).

    Raises:
        LocalProtocolError: Not a path; the text says why.
    """
    bare = _without_brackets(text)
    if bare and not lax:
        _check_path(bare)
    return f"<{bare}>"


def forward_path(text: str, *, lax: bool = False) -> str:
    """Return the path of RCPT TO with its brackets; "Postmaster" needs no domain.

    Args:
        text: A mailbox, with or without angle brackets.
        lax: Accept what breaks the grammar.

    Raises:
        LocalProtocolError: Not a path; the text says why.
    """
    bare = _without_brackets(text)
    # RFC 5321 section 4.1.1.3: <Postmaster>, in any case, without a domain.
    if not lax and bare.lower() != "postmaster":
        if not bare:
            raise LocalProtocolError(
                "a recipient is needed: the forward-path is empty (RFC 5321 section "
                "4.1.1.3)"
            )
        _check_path(bare)
    return f"<{bare}>"


def _without_brackets(text: str) -> str:
    if text.startswith("<") and text.endswith(">"):
        return text[1:-1]
    return text


def _check_path(path: str) -> None:
    local_part, domain = _split(path)
    if not path.isascii() or len(path) > MAX_LOCAL_PART:  # else none is too long
        _check_sizes(path, local_part, domain)
    if domain.startswith("[") and domain.endswith("]"):
        bad = _special_in(domain[1:-1], _SPECIALS - {":"})
        if bad or len(domain) == 2:
            raise _refusal(path, "the address literal is malformed")
        return
    bad = _special_in(domain)
    if bad:
        raise _refusal(path, f"{bad!r} does not belong in a domain")
    if "" in domain.split("."):
        raise _refusal(path, "the domain has an empty label")


def _special_in(text: str, specials: frozenset[str] = _SPECIALS) -> str:
    """Return the first character that must be quoted; "" if there is none."""
    if specials.isdisjoint(text):
        return ""
    return next(character for character in text if character in specials)


def _check_sizes(path: str, local_part: str, domain: str) -> None:
    if len(local_part.encode("utf-8", "replace")) > MAX_LOCAL_PART:
        why = f"the local part has more than {MAX_LOCAL_PART} octets"
        raise _refusal(path, why, "4.5.3.1.1")
    if len(domain.encode("utf-8", "replace")) > MAX_DOMAIN:
        why = f"the domain has more than {MAX_DOMAIN} octets"
        raise _refusal(path, why, "4.5.3.1.2")
    if len(path.encode("utf-8", "replace")) + 2 > MAX_PATH:
        why = f"a path has at most {MAX_PATH} octets, brackets included"
        raise _refusal(path, why, "4.5.3.1.3")


def _split(path: str) -> tuple[str, str]:
    """Split a mailbox at the "@" that ends its local part."""
    if path.startswith('"'):
        end = _end_of_quoted(path)
        if path[end : end + 1] != "@" or not path[end + 1 :]:
            raise _refusal(path, "after the quoted local part comes @ and a domain")
        return path[:end], path[end + 1 :]
    local_part, at, domain = path.partition("@")
    if not at or not local_part or not domain:
        raise _refusal(path, "a mailbox is local-part@domain")
    bad = _special_in(local_part)
    if bad:
        raise _refusal(path, f"{bad!r} needs a quoted local part")
    if "" in local_part.split("."):
        raise _refusal(path, "the local part has an empty atom (quote it)")
    return local_part, domain


def _end_of_quoted(path: str) -> int:
    """Return the index after the closing quote of a quoted local part."""
    position = 1
    while position < len(path):
        if path[position] == "\\":
            position += 2
            continue
        if path[position] == '"':
            return position + 1
        position += 1
    raise _refusal(path, "the quoted local part has no end")


def _refusal(path: str, why: str, section: str = "4.1.2") -> LocalProtocolError:
    return LocalProtocolError(
        f"{path!r} is not sent: {why} (RFC 5321 section {section}); lax sends it as it "
        "is"
    )
