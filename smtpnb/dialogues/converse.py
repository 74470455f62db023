"""How a dialogue becomes steps of the wire: one command, one reply, in turn.

What goes wrong is thrown into the dialogue at its `yield`, as a verb of the client
would raise it there, so that it may clean up, or go on without the answer. After a
cancel it may only clean up: it is closed, whatever it yields then. It is code of the
user's: the driver runs it, so that it can be interrupted.

This module knows nothing of any command; `say` does.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from smtpnb.protocol.commands import Command
from smtpnb.protocol.errors import Cancelled, SmtpError
from smtpnb.protocol.reply import Reply
from smtpnb.protocol.sasl import Mechanism
from smtpnb.wire.wait import Call

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
        is_over, said = yield Call(_resumed, next, dialogue)
        while not is_over:
            try:
                reply = yield from say(said)
            except Cancelled as cancelled:
                # Nothing it returns or yields undoes a cancel.
                with suppress(Cancelled):
                    yield Call(_resumed, dialogue.throw, cancelled)
                raise
            except SmtpError as fault:
                is_over, said = yield Call(_resumed, dialogue.throw, fault)
            else:
                is_over, said = yield Call(_resumed, dialogue.send, reply)
        returned: _T = said
        return returned
    finally:
        dialogue.close()


def _resumed(resume: Callable[..., Said], *args: object) -> tuple[bool, Any]:
    """Resume a dialogue; return whether it is over, and what it yields or returns."""
    try:
        return False, resume(*args)
    except StopIteration as end:
        return True, end.value
