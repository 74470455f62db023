"""The command line `smtpnb`: one session, or one question, without a notebook.

`words` and `order` read the line, `content` makes the message, `session` holds the
conversation, `printer` shows it while it runs, `questions` answers the rest.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(words: Sequence[str] | None = None) -> int:
    """Do what a command line asks for.

    Args:
        words: The arguments; `sys.argv` by default.

    Returns:
        The exit code; see `smtpnb --help`.

    Example:
        >>> main(["explain", "550 5.1.1 No such user"])  # doctest: +ELLIPSIS
        The server refused: it says that there is no such mailbox (550 5.1.1).
        ...
        0
    """
    given = list(sys.argv[1:] if words is None else words)
    if given[:1] == ["sandbox"]:
        from smtpnb.sandbox.__main__ import main as sandbox

        return sandbox(given[1:])
    if given[:1] in (["explain"], ["lint"]):
        from smtpnb.commandline import questions

        ask = questions.explain if given[0] == "explain" else questions.lint
        return ask(given[1:])
    from smtpnb.commandline.order import read
    from smtpnb.commandline.session import hold

    return hold(read(given or ["--help"]))
