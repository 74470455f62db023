"""What a SASL mechanism is: challenge in, response out, as a generator (RFC 4422).

`steps(channel)` yields each response and is sent the next challenge. The first yield is
the initial response, or None where the server speaks first.

Two more things may be yielded, which are no responses: `Work`, a call that may take
long, whose result is sent back; and `Note`, what the record should hold in words.

A response that is a memoryview is secret: it prints nothing of its content, and an echo
of it is cut out of the server's replies. What a mechanism yields as bytes (a user name,
a nonce) is not. `secrets()` lists what else a server must not be seen to echo.

This module knows nothing of the AUTH command line, of base64 lines or of replies.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from smtpnb.protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    Steps = Generator[Any, Any, None]

# The binding that Python can give with every TLS (RFC 5929 section 4).
END_POINT: Final = "tls-server-end-point"


class Work:
    """A call that may take long, for a helper thread; its result is sent back.

    Args:
        function: What to call; it is abandoned when the user cancels.
        args: With what.
    """

    __slots__ = ("args", "function")

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.function = function
        self.args = args


class Note:
    """Words for the record: what the server told in a challenge.

    Args:
        text: One sentence; secrets in it are cut, and control characters escaped.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Channel:
    """What a mechanism may know of the connection that carries it.

    Args:
        host: The server, as the user named it.
        port: Its port.
        encrypted: Whether TLS is active.
        offered: The mechanisms that the server announced.
        find: Returns the channel binding of a type, or raises LocalProtocolError.
    """

    __slots__ = ("_find", "encrypted", "host", "offered", "port")

    def __init__(
        self,
        *,
        host: str = "localhost",
        port: int = 25,
        encrypted: bool = False,
        offered: tuple[str, ...] = (),
        find: Callable[[str], bytes] | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.encrypted = encrypted
        self.offered = offered
        self._find = find

    def binding(self, kind: str = END_POINT) -> bytes:
        """Return the channel binding of a type (RFC 5056).

        Args:
            kind: "tls-server-end-point" or "tls-unique".

        Raises:
            LocalProtocolError: It is not had here; the sentence says why.
        """
        if self._find is None:
            raise LocalProtocolError(f"{kind}: there is no TLS to bind to")
        return self._find(kind)

    def can_bind(self, kind: str = END_POINT) -> bool:
        """Tell whether there is a channel binding of a type."""
        try:
            self.binding(kind)
        except LocalProtocolError:
            return False
        return True

    def __repr__(self) -> str:
        return f"<Channel {self.host}:{self.port}{' TLS' if self.encrypted else ''}>"


NOWHERE: Final = Channel()


class Mechanism(ABC):
    """What `SmtpClient.auth` takes: a name, the steps, and the secrets in them.

    Attributes:
        name: As AUTH says it.
        prompts: How many of the first challenges are mere prompts, whose text is never
            read ("Username:" and "User Name" are both real, and mean nothing). Where
            an initial response leaves with AUTH, it has answered the first.
        mutual: The server must prove itself, too. Once it says that it is done (235),
            the steps are sent None, and raise if it has not.
    """

    name: str = ""
    prompts: int = 0
    mutual: bool = False

    @abstractmethod
    def steps(self, channel: Channel = NOWHERE) -> Steps:
        """Yield the initial response (or None), then one response a challenge."""

    def secrets(self) -> tuple[memoryview, ...]:
        """Return what must be cut out of the server's replies.

        Asked for again before each response leaves.
        """
        return ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class ClientFirst(Mechanism):
    """A mechanism in which the client speaks first.

    Attributes:
        initial_response: Send the first response with AUTH; False waits for the
            server's empty challenge.
    """

    initial_response = True
    prompts = 1

    def steps(self, channel: Channel = NOWHERE) -> Steps:
        """Yield the responses, the first at once or after the empty challenge."""
        if not self.initial_response:
            yield None
        yield from self._responses(channel)

    @abstractmethod
    def _responses(self, channel: Channel) -> Steps:
        """Yield one response after the other."""


def name_octets(what: str, text: str, *, section: str = "RFC 4616") -> bytes:
    """Return a name as UTF-8.

    Args:
        what: What to call it in an error.
        text: The name.
        section: The rule that forbids NUL in it.

    Raises:
        LocalProtocolError: No text, not Unicode, or NUL in it; nothing was sent.
    """
    if not isinstance(text, str):
        raise LocalProtocolError(
            f"the {what} is text, not {type(text).__name__}; nothing was sent"
        )
    try:
        octets = text.encode()
    except UnicodeEncodeError:
        raise LocalProtocolError(
            f"the {what} is not valid Unicode; nothing was sent"
        ) from None
    refuse_nul(what, octets, section)
    return octets


def refuse_nul(
    what: str, octets: bytes | memoryview, section: str = "RFC 4616"
) -> None:
    """Raise LocalProtocolError if there is a NUL: it would move the fields after it."""
    if 0 in octets:
        raise LocalProtocolError(
            f"the {what} holds NUL ({section} forbids it); nothing was sent"
        )


def refuse_empty(what: str, octets: bytes | memoryview, section: str) -> None:
    """Raise LocalProtocolError if nothing stands where the grammar wants something."""
    if not octets:
        raise LocalProtocolError(
            f"the {what} is empty ({section} wants one); nothing was sent"
        )
