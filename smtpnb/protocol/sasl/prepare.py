"""SASLprep (RFC 4013): how a name or a password is made comparable.

As a query string: code points that Unicode 3.2 did not know are let through, or nobody
could log in with a password that holds a newer letter (RFC 5802 section 5.1).
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

# The tables of RFC 3454 that RFC 4013 section 2.3 prohibits, and their names here.
_PROHIBITED: Final = {
    "c12": "a space that is not ASCII",
    "c21_c22": "a control character",
    "c3": "a private character",
    "c4": "a code point that is no character",
    "c5": "a surrogate",
    "c6": "a character that is not for plain text",
    "c7": "a character that is not for canonical text",
    "c8": "a character that changes how text is displayed",
    "c9": "a tag",
}


def prepared(what: str, text: str) -> str:
    r"""Return a name as SASLprep makes it.

    Args:
        what: What to call it in an error.
        text: The name.

    Raises:
        LocalProtocolError: It holds what is prohibited, or nothing is left of it.

    Example:
        >>> prepared("user name", "I\u00adX"), prepared("user name", "\u2168")
        ('IX', 'IX')
    """
    if not isinstance(text, str):
        raise LocalProtocolError(
            f"the {what} is text, not {type(text).__name__}; nothing was sent"
        )
    made, objection = _saslprep(text)
    if objection:
        raise LocalProtocolError(
            f"the {what} holds {objection} (RFC 4013); nothing was sent"
        )
    if not made:
        raise LocalProtocolError(f"the {what} is empty (RFC 5802); nothing was sent")
    return made


def prepared_secret(what: str, secret: str | Secret) -> Secret:
    """Return a password as SASLprep makes it; no error and no local holds its text.

    Raises:
        LocalProtocolError: As `prepared`.
    """
    secret = Secret(secret)
    made, objection = _prepared_octets(secret)
    if objection or not made:
        objection = objection or "nothing"
        raise LocalProtocolError(
            f"the {what} holds {objection} (RFC 4013); nothing was sent"
        )
    return made


def _prepared_octets(secret: Secret) -> tuple[Secret, str]:
    made, objection = _saslprep(str(secret.reveal(), "utf-8"))
    return Secret(made), objection


def _saslprep(text: str) -> tuple[str, str]:
    """Return the prepared text, and what is prohibited in it ("" for nothing)."""
    if text.isascii() and text.isprintable():  # a table each for most of the world
        return text, ""
    import stringprep

    # Section 2.1: spaces become SPACE, and what is commonly mapped to nothing goes.
    mapped = "".join(
        " " if stringprep.in_table_c12(letter) else letter
        for letter in text
        if not stringprep.in_table_b1(letter)
    )
    made = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)  # section 2.2
    for table, name in _PROHIBITED.items():  # section 2.3
        prohibits: Callable[[str], bool] = getattr(stringprep, f"in_table_{table}")
        if any(map(prohibits, made)):
            return "", name
    # Section 2.4, RFC 3454 section 6: right-to-left text is so from end to end.
    right = [stringprep.in_table_d1(letter) for letter in made]
    if any(right) and (
        any(map(stringprep.in_table_d2, made)) or not (right[0] and right[-1])
    ):
        return "", "text of both directions"
    return made, ""
