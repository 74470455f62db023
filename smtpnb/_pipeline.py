"""A group of the user's own: commands that leave together when a block ends (RFC 2920).

This module knows nothing of how they leave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtpnb.protocol import commands

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from smtpnb.protocol.commands import Command
    from smtpnb.protocol.reply import Reply


class Pipeline:
    """Commands that will leave together when the block ends.

    The methods are those verbs of the client that may stand in a group; each takes the
    same arguments and returns the place of its reply in `replies`.

    Args:
        leave: Sends the commands as one group, and returns their replies.

    Attributes:
        replies: The replies, in order, once the block has ended.
    """

    def __init__(
        self, leave: Callable[[tuple[Command, ...]], tuple[Reply, ...]]
    ) -> None:
        self.replies: tuple[Reply, ...] = ()
        self._leave = leave
        self._commands: list[Command] = []

    def add(self, command: Command) -> int:
        """Add any command; return the place of its reply."""
        self._commands.append(command)
        return len(self._commands) - 1

    def mail_from(self, reverse_path: str, **parameters: Any) -> int:
        """Add MAIL."""
        return self.add(commands.Mail(reverse_path, **parameters))

    def rcpt_to(self, forward_path: str, **parameters: Any) -> int:
        """Add RCPT."""
        return self.add(commands.Rcpt(forward_path, **parameters))

    def data(self) -> int:
        """Add DATA; it must be the last. The content follows by `send_lines`."""
        return self.add(commands.Data())

    def rset(self) -> int:
        """Add RSET."""
        return self.add(commands.Rset())

    def noop(self) -> int:
        """Add NOOP; it must be the last."""
        return self.add(commands.Noop())

    def quit(self) -> int:
        """Add QUIT; it must be the last, and the connection is closed then."""
        return self.add(commands.Quit())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._commands:
            self.replies = self._leave(tuple(self._commands))
