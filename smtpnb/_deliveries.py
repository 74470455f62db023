"""What `stream()` returns: the handle that a user holds of messages on their way.

The client holds the `Sending`, which reserves it; nobody holds this but the user. So a
`for` loop that was left ends the stream, and does not lock the client for good.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from smtpnb.message.delivery import Delivery

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from smtpnb._stream import Sending


class Deliveries(Iterator[Delivery]):
    """What becomes of each message, one after the other; also a context manager.

    Nothing leaves before the first `next()`. From then on the client is reserved until
    it is exhausted or closed: a verb, or a `next()` in a second thread, is refused.
    Let go unexhausted, it resets the connection.

    Args:
        sending: The messages on their way.
    """

    def __init__(self, sending: Sending) -> None:
        self._sending = sending

    @property
    def unread(self) -> tuple[Delivery, ...]:
        """After `close()`, the deliveries that nobody had asked for."""
        return self._sending.unread

    def __next__(self) -> Delivery:
        delivery = self._sending.following()
        if delivery is None:
            raise StopIteration
        return delivery

    def close(self) -> None:
        """Send nothing more; read what is owed, and let the client go."""
        self._sending.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, Exception):
            try:
                self.close()
            except Exception:
                if error is None:
                    raise
        else:
            self._sending.abort()

    def __del__(self) -> None:
        if not sys.is_finalizing():
            self._sending.abort()
