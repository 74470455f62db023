"""Which way messages leave: what the server offers, and what the user asked for.

By default the safe ways: command by command, or with PIPELINING two turns a message, by
BDAT where CHUNKING is offered. More is asked for, by those who know their server:
`overlap="turn"` (without PIPELINING it is lock-step) and `overlap="window"` (without
CHUNKING it is turn).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from smtpnb.protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from smtpnb.transfer.plan import Way
    from smtpnb.wire.engine import Engine

Overlap = Literal["turn", "window"] | None


def check(overlap: object, window: object) -> None:
    """Refuse words that are no way to send.

    Raises:
        LocalProtocolError: `overlap` is none of them, or `window` no number.
    """
    if overlap not in (None, "turn", "window"):
        raise LocalProtocolError(
            f'overlap is None, "turn" or "window", not {overlap!r}; nothing was sent'
        )
    if not isinstance(window, int) or window < 1:
        raise LocalProtocolError(f"window is 1 or more, not {window!r}")


def way(
    engine: Engine,
    *,
    overlap: Overlap,
    pipelining: bool,
    chunking: bool,
    window: int,
    **given: Any,
) -> Way:
    """Return the way in which messages will leave over a connection.

    Args:
        engine: The connection; EHLO was answered.
        overlap: What may stand behind the end of a message before its reply has come.
        pipelining: Use PIPELINING where it is offered.
        chunking: Use CHUNKING where it is offered.
        window: With "window", how many messages may be under way.
        given: As for `Way`.
    """
    offered = engine.session.capabilities
    by_data = not (chunking and "CHUNKING" in offered)
    # Each is loaded when it is first used.
    if not (pipelining and "PIPELINING" in offered):
        from smtpnb.transfer.lockstep import LockStep

        return LockStep(engine, by_data=by_data, **given)
    if overlap == "window" and not by_data:
        from smtpnb.transfer.chunked import Window

        return Window(engine, window=window, **given)
    from smtpnb.transfer.pipelined import Pipelined, Turns

    if overlap is None:
        return Pipelined(engine, by_data=by_data, **given)
    return Turns(engine, by_data=True, **given)
