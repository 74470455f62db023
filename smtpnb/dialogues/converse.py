"""How a dialogue becomes steps of the wire: one command, one reply, in turn.

What goes wrong is thrown into the dialogue at its `yield`, as a verb of the client
would raise it there, so that it may clean up, or go on without the answer. After a
cancel it may only clean up: it is closed, whatever it yields then.

This module knows nothing of any command; `say` does.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from smtpnb.protocol.commands import Command
from smtpnb.protocol.errors import Cancelled, SmtpError
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.sasl import Mechanism

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.wire.wait import Steps

_T = TypeVar("_T")

Said: TypeAlias = Command | Mechanism
Dialogue: TypeAlias = Generator[Said, Reply, _T]


def converse(dialogue: Dialogue[_T], say: Callable[[Said], Steps[Reply]]) -> Steps[_T]:
    """Say what a dialogue yields, send it the replies, and return what it returns.

    Args:
        dialogue: Not yet begun.
        say: Gives the steps of one command, up to its reply.
    """
    try:
        said = next(dialogue)
        while True:
            try:
                reply = yield from say(said)
            except Cancelled as cancelled:
                with suppress(StopIteration):  # nothing it returns undoes a cancel
                    dialogue.throw(cancelled)
                raise
            except SmtpError as fault:
                said = dialogue.throw(fault)
            else:
                said = dialogue.send(reply)
    except StopIteration as end:
        returned: _T = end.value
        return returned
    finally:
        dialogue.close()
