"""Blocking calls of others, made abandonable.

getaddrinfo cannot be stopped. So such a call runs in a daemon thread of its own, and
the step waits for a pipe which that thread closes at its end. A cancelled step walks
away; the thread ends when its call does and touches nothing of ours. How many may be
out there is capped, so that a resolver that hangs cannot eat the machine.

This module is the one exemption from "only `drive` may block". It knows nothing of
what it calls.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.wire.wait import READ, until_ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.wire.wait import Steps

_T = TypeVar("_T")

MAX_THREADS: Final = 64

_places = threading.BoundedSemaphore(MAX_THREADS)


def call(function: Callable[..., _T], *args: Any, deadline: float) -> Steps[_T]:
    """Call a blocking function and wait for it as for any descriptor.

    Raises:
        DeadlineExceeded: The deadline passed; the call is abandoned.
        LocalProtocolError: Too many calls hang already.
        Exception: Whatever the function raised.
    """
    if not _places.acquire(blocking=False):
        raise LocalProtocolError(
            f"{MAX_THREADS} look-ups hang already; wait for them or restart the kernel"
        )
    read, write = os.pipe()
    outcome: list[tuple[_T | None, Exception | None]] = []

    def work() -> None:
        try:
            outcome.append((function(*args), None))
        except Exception as error:  # noqa: BLE001  # raised again in the waiting thread
            outcome.append((None, error))
        finally:
            _places.release()
            os.close(write)

    try:
        threading.Thread(target=work, name="smtpnb-helper", daemon=True).start()
    except BaseException:
        _places.release()
        os.close(write)
        os.close(read)
        raise
    try:
        yield from until_ready(read, READ, deadline)
    finally:
        os.close(read)
    value, error = outcome[0]
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # no error: it is a _T
