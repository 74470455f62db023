"""What a server can bear of a content: one rule for every way to send one.

A message is judged before its MAIL, a piece before it leaves, and what only shows while
it streams, by the encoder. Who is `lax` sends it all the same, and the transcript says
so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb.message.objections import Headers, objection_to, objection_to_piece
from smtpnb.protocol.content import Encoder
from smtpnb.protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from smtpnb.message.envelope import MailObject
    from smtpnb.protocol.session import Session
    from smtpnb.protocol.transaction import Transaction
    from smtpnb.wire.engine import Engine


def bearable(
    mail: MailObject,
    engine: Engine,
    *,
    by_data: bool = True,
    convert: bool = False,
    declared: bool = True,
) -> MailObject:
    """Return a message as the server may be given it.

    Args:
        mail: The message.
        engine: The connection.
        by_data: It leaves by DATA, not by BDAT.
        convert: Re-encode it, if it may not leave as it is.
        declared: Its MAIL says SMTPUTF8, or will where a header needs it.

    Raises:
        LocalProtocolError: It may not leave (RFC 6152 section 3, RFC 6531 section 3.4).
    """
    offered = engine.session.capabilities
    if mail.is_binary and by_data:
        _heed(
            "BODY=BINARYMIME leaves by BDAT only (RFC 3030 section 3), and CHUNKING is "
            "not offered or not used; nothing was sent",
            engine,
        )
    why = objection_to(mail, offered, binary=mail.is_binary, declared=declared)
    if why and convert:
        mail = mail.converted()
        why = objection_to(mail, offered)
    _heed(why, engine)
    return mail


def says_smtputf8(session: Session) -> bool:
    """Whether the MAIL that is open said SMTPUTF8; yes if nobody knows."""
    current = session.follower.current
    return current is None or current.smtputf8


class Pieces:
    """Judges the pieces of a message that leaves by the user's own DATA or BDAT."""

    __slots__ = ("_headers", "_of")

    def __init__(self) -> None:
        self._of: Transaction | None = None
        self._headers = Headers()

    def check(self, octets: bytes, engine: Engine) -> None:
        """Judge the next piece.

        Raises:
            LocalProtocolError: It may not leave; nothing of it did.
        """
        session = engine.session
        current = session.follower.current
        if current is not self._of:
            self._of, self._headers = current, Headers()
        headers, behind = self._headers.cut(octets)
        why = objection_to_piece(
            octets,
            headers,
            session.capabilities,
            binary=current is not None and current.binary,
            declared=says_smtputf8(session),
        )
        _heed(why, engine)
        self._headers = behind


def _heed(objection: str, engine: Engine) -> None:
    if objection and "content" not in engine.session.lax:
        raise LocalProtocolError(objection)
    if objection:
        engine.log.note("lax", objection)


def encoder_of(mail: MailObject, session: Session, *, stuff: bool) -> Encoder:
    """Return what makes octets for the wire of the content of a message."""
    strict = "content" not in session.lax
    seven_bit = strict and "8BITMIME" not in session.capabilities
    return mail.encoder(stuff=stuff, seven_bit=seven_bit, short_lines=strict)


def encoder_of_pieces(session: Session) -> Encoder:
    """Return what makes octets for DATA of pieces, which `Pieces` has seen."""
    return Encoder(short_lines="content" not in session.lax)
