"""What a server could not bear of a message, said before anything leaves.

Nothing is re-encoded unasked, and nothing that may be cut, garbled or refused far away
leaves in silence. Who wants to see what happens sends it all the same, with `lax`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb.protocol.content import blocks, facts_of

if TYPE_CHECKING:
    from collections.abc import Container

    from smtpnb.message.envelope import MailObject
    from smtpnb.protocol.content import Facts

_WAYS_OUT = (
    "re-encode it (send() with convert=True), or send it as it is (lax=True); nothing "
    "was sent"
)


def objection_to(
    mail: MailObject, offered: Container[str], *, binary: bool = False
) -> str:
    """Return why a message should not leave, the rule and the ways out.

    Args:
        mail: The message. A regular file is read through if 8BITMIME is not offered;
            other files and iterators are judged while they stream (`mail.encoder`).
        offered: The keywords that the server announced.
        binary: It leaves by BDAT with BODY=BINARYMIME (RFC 3030), for which lines, NUL
            and octets over 127 are as good as any.

    Returns:
        A sentence; "" if nothing is wrong as far as can be known.

    Raises:
        LocalProtocolError: It is no content, or cannot be written.
    """
    if mail.line_ends == "raw" and not binary:
        return (
            'line_ends="raw" needs BDAT with BODY=BINARYMIME (RFC 3030 section 3), '
            "which is not used: send it as it is (lax=True), or let line ends become "
            "CRLF; nothing was sent"
        )
    facts = mail.facts if "8BITMIME" in offered else mail.look()
    if facts is None:
        return ""
    return _header(mail, offered) or ("" if binary else _body(facts, offered))


def objection_to_piece(octets: bytes, offered: Container[str]) -> str:
    """Return why a piece of a content should not leave; "" if nothing is wrong.

    Args:
        octets: The piece. Where headers end in it nobody knows, so none is looked for.
        offered: The keywords that the server announced.
    """
    return _body(facts_of(blocks(octets)), offered)


def _header(mail: MailObject, offered: Container[str]) -> str:
    header = mail.header_in_8bit
    if header is None:
        return ""
    name, is_utf8 = header
    if not is_utf8:
        return (
            f"the header {name!r} holds octets that are not UTF-8, which no extension "
            f"allows (RFC 6532 section 3.1): {_WAYS_OUT}"
        )
    if "SMTPUTF8" not in offered:
        return (
            f"the header {name!r} holds UTF-8, and the server does not offer SMTPUTF8 "
            f"(RFC 6531 section 3.2): {_WAYS_OUT}"
        )
    return ""


def _body(facts: Facts, offered: Container[str]) -> str:
    if facts.has_nul:
        return (
            "the content holds a NUL octet (RFC 5321 section 2.3.1): re-encode it "
            "(send() with convert=True), or send it by BDAT with BODY=BINARYMIME; "
            "nothing was sent"
        )
    if facts.is_8bit and "8BITMIME" not in offered:
        return (
            "the content holds octets over 127, and the server does not offer 8BITMIME "
            f"(RFC 6152 section 3): {_WAYS_OUT}"
        )
    if facts.long_line:
        return (
            f"line {facts.long_line} of the content has more than 998 octets (RFC 5321 "
            f"section 4.5.3.1.6): {_WAYS_OUT}"
        )
    return ""
