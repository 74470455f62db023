"""What a user hands over to be sent: an envelope and its content.

RFC 5321 section 2.3.1 calls the two together a mail object. An `EmailMessage` brings
its own envelope (`smtpnb.message.addressees`). What became of one is said by
`smtpnb.message.delivery`; what a server could not bear, by `smtpnb.message.objections`.

This module knows nothing of connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from smtpnb.message.content import LeftBehind, Reading, held, pieces_of, rest_of_file
from smtpnb.protocol.commands import Mail, Rcpt
from smtpnb.protocol.content import (
    Encoder,
    Facts,
    LineEnds,
    bare_line_end,
    blocks,
    facts_of,
    long_line,
    whole,
)
from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.group import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from smtpnb.message.content import Content, RestOfFile
    from smtpnb.protocol.parameters import Parameter


class Options(NamedTuple):
    """What an envelope says beside its paths: words, as they stand on the wire.

    Attributes:
        mail: The parameters of MAIL.
        rcpts: Those of each RCPT, in the order of the paths.
    """

    mail: tuple[str, ...]
    rcpts: tuple[tuple[str, ...], ...]


# All of a content: CRLF line ends only, and at its end; how many lines; whether ASCII.
Whole = tuple[bytes, int, bool]


class MailObject:
    r"""An envelope and its content.

    Args:
        reverse_path: The sender; "" is the null reverse-path.
        forward_paths: One recipient, or several: addresses, or `Rcpt` commands, which
            say more of one: `Rcpt("c@d", notify="NEVER")`.
        content: As for `SmtpClient.data`.
        body: BODY: said by itself where the content needs 8BITMIME. "BINARYMIME" sends
            the octets as they are, by BDAT (RFC 3030).
        notify: NOTIFY of each recipient that is an address.
        orcpt: ORCPT of the only recipient.
        rrvs: RRVS of each recipient that is an address.
        parameters: More parameters of MAIL: words as they stand on the wire, or values
            of `smtpnb.protocol.parameters`.
        mail: The others of MAIL by name: `size`, `ret`, `envid`, `auth`, `by`,
            `holdfor`, `holduntil`, `mt_priority`, `requiretls`, `prdr`; as `mail_from`
            takes them. What is said here takes the place of what would be said anyway.
        crlf: All line ends of the file are known to be CRLF: by BDAT in clear the
            kernel sends it (`sendfile`), and nobody looks at it. Every other content is
            looked at all the same, since by DATA a line end can end the message.
        line_ends: "normalise": each CR, LF and CRLF leaves as CRLF (RFC 5321 section
            2.3.8). "strict": a bare CR or LF is refused, with its place. "raw": nothing
            is changed; that needs BDAT and BINARYMIME (RFC 3030), or `lax`.

    Attributes:
        remarks: What was changed in the content, and what that may cost.

    Raises:
        LocalProtocolError: No recipient, or a path that is no text.

    Example:
        >>> MailObject("a@example.org", "b@example.net", "Subject: x\n\nhello\n")
        <MailObject from <a@example.org> to b@example.net>
    """

    __slots__ = (
        "_claimed",
        "_facts",
        "_held",
        "_is_held",
        "_read",
        "_reading",
        "_start",
        "_whole",
        "content",
        "crlf",
        "forward_paths",
        "line_ends",
        "options",
        "remarks",
        "reverse_path",
    )

    def __init__(
        self,
        reverse_path: str,
        forward_paths: str | Rcpt | Iterable[str | Rcpt],
        content: Content,
        *,
        body: str | None = None,
        notify: str | Iterable[str] | None = None,
        orcpt: str | None = None,
        rrvs: Any = None,
        parameters: Iterable[str | Parameter] = (),
        crlf: bool = False,
        line_ends: LineEnds = "normalise",
        **mail: Any,
    ) -> None:
        self.reverse_path = reverse_path
        asked = {}
        if not (notify is orcpt is rrvs is None):
            asked = {"notify": notify, "orcpt": orcpt, "rrvs": rrvs}
        self.forward_paths, rcpts = _recipients(reverse_path, forward_paths, asked)
        if line_ends not in ("normalise", "strict", "raw"):
            raise LocalProtocolError(
                f'line_ends is "normalise", "strict" or "raw", not {line_ends!r}; '
                "nothing was sent"
            )
        self.content = content
        self.crlf = crlf
        self.line_ends: LineEnds = line_ends
        said: tuple[str, ...] = ()
        if mail or body or parameters:
            said = Mail("", body=body, parameters=parameters, **mail).parameters
            if any(word.upper() == "BODY=BINARYMIME" for word in said):
                self.line_ends = "raw" if line_ends == "normalise" else line_ends
        self.options = Options(said, rcpts) if said or any(rcpts) else None
        self.remarks: tuple[str, ...] = ()
        # Made when first needed, and kept however often the object is sent.
        self._held: bytes | None = content if isinstance(content, bytes) else None
        self._is_held = None if self._held is None else True  # None: not known yet
        self._whole: Whole | None = None
        self._facts: Facts | None = None
        self._claimed = self._read = False
        self._start: int | None = None  # where a file was when it was first sent
        self._reading: Reading | None = None

    @property
    def octets(self) -> bytes | None:
        """The content as it was handed over; None for a file or an iterable.

        Raises:
            LocalProtocolError: It is no content, or an `EmailMessage` that cannot be
                written.
        """
        if self._is_held is None:
            self._held = held(self.content)
            self._is_held = self._held is not None
            if hasattr(self.content, "raw_items"):
                self._remark(self.content)
        return self._held

    def _remark(self, message: Any) -> None:
        """Note where an `EmailMessage` may not leave as it was read."""
        from smtpnb.message.written import differences  # loaded when first used

        self.remarks += differences(message)

    def whole(self, most: int) -> Whole | None:
        """Return all of the content as it is to leave.

        Args:
            most: The octets it may have.

        Returns:
            None if it is larger, comes from a file or an iterator, or `line_ends` is
            "raw": then it leaves piece by piece, through an `encoder`.

        Raises:
            LocalProtocolError: It holds NUL or, if `line_ends` is "strict", a bare CR
                or LF; or it is no content. Of a content that is held, that is said
                here whatever its size.
        """
        octets = self.octets
        if octets is None:
            return None
        if self._whole is None:
            self._check(octets)
        if len(octets) > most or self.line_ends == "raw":
            return None
        if self._whole is None:
            leaves, n_lines = whole(octets)
            self._whole = leaves, n_lines, leaves.isascii()
        return self._whole

    def _check(self, octets: bytes) -> None:
        if self.line_ends != "raw" and b"\0" in octets:
            whole(octets)  # which says why not
        bare = bare_line_end(octets) if self.line_ends == "strict" else None
        if bare is not None:
            name, at = bare
            raise LocalProtocolError(
                f"octet {at} of the message is a bare {name}: only CRLF ends a line "
                "(RFC 5321 section 2.3.8); nothing was sent"
            )

    @property
    def facts(self) -> Facts | None:
        """What is known of the content; None for a file or an iterable, unless `look`.

        A large content is looked at once.
        """
        if self._facts is not None:
            return self._facts
        held_octets = self.octets
        if held_octets is None:
            return None
        small = len(held_octets) <= BLOCK and b"\0" not in held_octets
        if small and self.line_ends == "normalise":
            self.whole(BLOCK)  # what will leave: that is counted as quickly
        if self._whole is not None:
            octets, n_lines, is_ascii = self._whole
            crlf = octets is self._held
            n, size = long_line(octets), len(octets)
            self._facts = Facts(size, n_lines, crlf, False, not is_ascii, n)
        else:
            self._facts = facts_of(blocks(held_octets))
        return self._facts

    def look(self) -> Facts | None:
        """Read a regular file through, if that was not done; return its facts.

        It takes the time that reading takes. Pipes, compressed files and iterators are
        left alone.
        """
        if self.facts is None and rest_of_file(self.content) is not None:
            self.claim()
            self._facts = facts_of(self.pieces())
            content: Any = self.content
            content.seek(self._start)  # nothing of it was sent
        return self._facts

    @property
    def size(self) -> int | None:
        """The octets that will leave, stuffed dots left out; None if not known.

        Of a file only with `crlf`, or when it was looked at: each bare line end makes
        it longer (RFC 1870 section 5). For a file, `claim` it first.
        """
        if self._whole is not None:
            return len(self._whole[0])
        octets = self.octets
        if octets is not None and self.line_ends == "raw":
            return len(octets)
        facts = self.facts
        if facts is not None:
            return facts.size
        rest = self._rest()
        return rest.size if rest and (self.crlf or self.line_ends == "raw") else None

    def claim(self) -> None:
        """Note that a content that is not held will be sent, from where it is now.

        Raises:
            LocalProtocolError: It was sent before and cannot be read again; or the file
                is closed, or no binary file.
        """
        if self.octets is not None:
            return
        content: Any = self.content
        if not hasattr(content, "read"):
            if self._claimed and iter(content) is content:
                raise LocalProtocolError(
                    "its content is an iterator, and was sent before; nothing was sent"
                )
        elif not self._claimed:
            self._start = content.tell() if _is_seekable(content) else None
            self._reading = Reading(content)
        elif self._start is None:
            raise LocalProtocolError(
                "its content cannot be read again, and was sent before; nothing was "
                "sent"
            )
        else:
            before = self._reading
            content.seek(self._start)
            self._reading = Reading(content)
            if before is None or before.rest != self._reading.rest:
                self._facts = None  # it was looked at when it was another one
        self._claimed = True

    def unclaim(self) -> None:
        """Note that it was not sent after all: it may be claimed once more.

        Not so an iterator, or a file that cannot be read again, of which reading has
        begun.
        """
        self._claimed = self._claimed and self._read

    def pieces(self) -> Iterable[bytes]:
        """Return the content piece by piece, a file from where it was at first.

        Raises:
            LocalProtocolError: As `pieces_of`; and while pieces are taken, before the
                last one: the file changed its size, or gave what is no octets.
        """
        octets = self.octets
        if octets is not None:
            self._check(octets)
            return (octets,)
        self._read = True
        if self._reading is None:
            return pieces_of(self.content)
        if self._start is not None:
            content: Any = self.content
            content.seek(self._start)
        return self._reading

    def _rest(self) -> RestOfFile | None:
        if self.octets is not None:
            return None
        return rest_of_file(self.content) if not self._reading else self._reading.rest

    @property
    def rest_of_file(self) -> RestOfFile | None:
        """Descriptor, offset and octets, if the kernel can send the content itself."""
        return self._rest() if self.crlf and self.line_ends == "normalise" else None

    @property
    def needs_8bit(self) -> bool | None:
        """Whether the content holds octets over 127; None if that is not known."""
        facts = self.facts
        return None if facts is None else facts.is_8bit

    @property
    def header_in_8bit(self) -> tuple[str, bool] | None:
        """The first header that holds octets over 127, and whether they are UTF-8.

        None if there is none, or the content is not held.
        """
        facts = self.facts
        octets = self.octets
        if facts is None or not facts.is_8bit or octets is None:
            return None
        from smtpnb.message.seven_bit import header_in_8bit  # loaded when first used

        return header_in_8bit(octets)

    @property
    def is_binary(self) -> bool:
        """Whether it is to leave with BODY=BINARYMIME."""
        if self.options is None:
            return False
        return any(word.upper() == "BODY=BINARYMIME" for word in self.options.mail)

    @property
    def needs_smtputf8(self) -> bool:
        """Whether a path or, as far as is known, a header holds UTF-8 (RFC 6531)."""
        paths = (self.reverse_path, *self.forward_paths)
        return not all(map(str.isascii, paths)) or self.header_in_8bit is not None

    def converted(self) -> MailObject:
        """Return the same message in 7 bits and short lines; itself, if it is that.

        Text becomes quoted-printable, other parts base64, headers encoded words.

        Raises:
            LocalProtocolError: It is not held; an address is not ASCII, or a signed
                part is not in 7 bits.
        """
        facts, octets = self.facts, self.octets
        if facts is None or octets is None:
            raise LocalProtocolError(
                "only a message in memory can be re-encoded: hand over what the file "
                "or iterator gives; nothing was sent"
            )
        if facts.is_plain:
            return self
        from smtpnb.message.seven_bit import in_seven_bits  # loaded when first used

        octets, remarks = in_seven_bits(octets)
        mail = MailObject(self.reverse_path, self.forward_paths, octets)
        mail.options, mail.remarks = self.options, (*self.remarks, *remarks)
        return mail

    def encoder(
        self, *, stuff: bool, seven_bit: bool = False, short_lines: bool = True
    ) -> Encoder:
        """Return an encoder for this content.

        What is held was looked at before, and only its dots are looked for.

        Args:
            stuff: Double the first dot of each line: by DATA, not by BDAT.
            seven_bit: Refuse octets over 127 while it streams.
            short_lines: Refuse lines over 998 octets while it streams.
        """
        facts = self._facts if self._is_held else None
        raw = self.line_ends == "raw"
        return Encoder(
            stuff=stuff,
            line_ends=self.line_ends,
            seven_bit=seven_bit and not self._is_held,
            short_lines=short_lines and not self._is_held and not raw,
            clean=facts is not None and facts.crlf and not facts.has_nul,
        )

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        """Leave a file or an iterator behind: a copy shows what was sent, and where."""
        try:
            octets = self.octets
        except LocalProtocolError:  # it could never be sent
            octets = None
        content = LeftBehind(self.content) if octets is None else octets
        kept = {name: getattr(self, name) for name in self.__slots__}
        kept |= {"content": content, "_held": octets, "_start": None, "_reading": None}
        kept["_is_held"] = None if octets is None else True
        return None, kept

    def __repr__(self) -> str:
        n = len(self.forward_paths)
        to = self.forward_paths[0] if n == 1 else f"{n} recipients"
        return f"<MailObject from <{self.reverse_path}> to {to}>"


def _recipients(
    reverse_path: str,
    forward_paths: str | Rcpt | Iterable[str | Rcpt],
    asked: Mapping[str, Any],
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the paths of the recipients, and what is asked for each."""
    try:
        one = isinstance(forward_paths, (str, Rcpt))
        given: Any = (forward_paths,) if one else tuple(forward_paths)  # type: ignore[arg-type]
        paths, others = given, set(map(type, given)) - {str}
        if others:
            paths = tuple([e.path if isinstance(e, Rcpt) else e for e in given])
        "".join((reverse_path, *paths))
    except TypeError:
        raise LocalProtocolError(
            "a path is text: (reverse_path, forward_paths, content); nothing was sent"
        ) from None
    if not paths:
        raise LocalProtocolError("a message needs a recipient; nothing was sent")
    if asked.get("orcpt") is not None and len(paths) > 1:
        raise LocalProtocolError(
            "orcpt names one recipient (RFC 3461 section 4.2), and there are "
            f"{len(paths)}: say Rcpt(path, orcpt=...) among them; nothing was sent"
        )
    if not (others or asked):
        return paths, ()
    words = Rcpt("", **asked).parameters
    rcpts = [each.parameters if isinstance(each, Rcpt) else words for each in given]
    return paths, tuple(rcpts) if any(rcpts) else ()


def _is_seekable(file: Any) -> bool:
    return hasattr(file, "seek") and (not hasattr(file, "seekable") or file.seekable())


def mail_object(given: Any) -> MailObject:
    """Return a `MailObject` of what may stand for one.

    Args:
        given: A MailObject; a tuple (reverse_path, forward_paths, content); or an
            `EmailMessage`, whose Sender or From, and To, Cc and Bcc make the envelope.

    Raises:
        LocalProtocolError: It is none of these, or names no sender or recipient; or
            code of the user's in it raised something.
    """
    if isinstance(given, MailObject):
        return given
    try:
        if isinstance(given, tuple) and len(given) == 3:
            return MailObject(*given)
        if hasattr(given, "as_bytes"):
            return addressed(given)
    except LocalProtocolError:
        raise
    except Exception as error:
        raise LocalProtocolError(
            f"the message cannot be made: {type(error).__name__}: {error}; nothing was "
            "sent"
        ) from error
    kind = type(given).__name__
    raise LocalProtocolError(
        "a message is a MailObject, (reverse_path, forward_paths, content) or an "
        f"EmailMessage, not {kind}; nothing was sent"
    )


def addressed(
    message: Any,
    reverse_path: str | None = None,
    forward_paths: str | Rcpt | Iterable[str | Rcpt] | None = None,
    **rest: Any,
) -> MailObject:
    """Return an `EmailMessage` with its envelope; its Bcc does not leave.

    Args:
        message: The message, of either policy.
        reverse_path: The sender; None for that of Sender, or else of From; "" is the
            null reverse-path.
        forward_paths: The recipients; None for those of To, Cc and Bcc. Of a message
            with Resent- headers these count instead (RFC 5322 section 3.6.6).
        rest: As for `MailObject`.

    Raises:
        LocalProtocolError: No sender, more than one, or no recipient; or a header that
            cannot be read, which is named.
    """
    from smtpnb.message.addressees import recipients, sender  # loaded when first used

    if not hasattr(message, "raw_items"):
        raise LocalProtocolError(
            f"{type(message).__name__} is no EmailMessage: say reverse_path and "
            "forward_paths; nothing was sent"
        )
    if reverse_path is None:
        reverse_path = sender(message)
    if forward_paths is None:
        forward_paths = recipients(message)
    return MailObject(reverse_path, forward_paths, message, **rest)
