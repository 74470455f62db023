"""``python -m smtpnb.sandbox``: the sandbox without a notebook.

It prints its address, then one line per message, and runs until Ctrl-C. A password
comes from an environment variable, since a command line is visible to everybody.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smtpnb.edges.text import for_terminal
from smtpnb.sandbox.faults import Fault
from smtpnb.sandbox.server import PROTOCOLS, TLS_MODES, Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

_KINDS = {"reply": str, "delay": float, "drip": float, "times": int}
_KINDS |= {"probability": float, "skip": int, "per": float}
# Options that are an argument of `Sandbox` by the same name.
_SAME = (
    *("port", "unix", "tls", "protocol", "prdr", "size", "seed"),
    *("proxy_protocol", "auth_without_tls"),
)
# Those that may be said more than once: the argument, and what it is.
_REPEATED = {
    "mechanism": ("mechanisms", "speak this one with AUTH"),
    "extension": ("extensions", "a line for EHLO, such as 'LIMITS RCPTMAX=3'"),
    "without": ("without", "a keyword not to announce, such as DSN"),
}
_FLAGS = ("drop", "eight_bit", "stall", "each")


def read_fault(words: str) -> Fault:
    """Read a fault such as ``rcpt nobody@* reply="550 5.1.1 No" times=2 drop``.

    Args:
        words: The step, then perhaps a pattern, then the actions.

    Raises:
        ValueError: A word is not an action, or see `Fault`.
    """
    positions: list[str] = []
    actions: dict[str, Any] = {}
    for word in shlex.split(words):
        name, equals, value = word.partition("=")
        if equals and name in _KINDS:
            actions[name] = _KINDS[name](value)
        elif word in _FLAGS and positions:
            actions[word] = True
        elif len(positions) < 2:
            positions.append(word)
        else:
            raise ValueError(
                f"{word!r} is not an action; allowed are "
                f"{', '.join([*(f'{kind}=' for kind in _KINDS), *_FLAGS])}."
            )
    if not positions:
        raise ValueError("A fault begins with its step, such as rcpt.")
    return Fault(*positions, **actions)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="smtpnb sandbox",
        description="A local SMTP server that can misbehave on purpose. It prints its "
        "address, and ends at Ctrl-C.",
    )
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--unix", metavar="PATH", help="a unix socket, and no port")
    of = "default: %(default)s"
    parser.add_argument("--tls", choices=TLS_MODES, default="starttls", help=of)
    parser.add_argument("--protocol", choices=PROTOCOLS, default="smtp", help=of)
    parser.add_argument("--prdr", action="store_true", help="announce PRDR")
    parser.add_argument("--size", type=int, help="the largest message, in octets")
    parser.add_argument(
        "--proxy-protocol", action="store_true", help="read a PROXY header first"
    )
    for option, (name, words) in _REPEATED.items():
        told = f"{words}; may be said again"
        parser.add_argument(f"--{option}", action="append", dest=name, help=told)
    parser.add_argument(
        "--auth-without-tls", action="store_true", help="offer AUTH in clear as well"
    )
    parser.add_argument("--seed", type=int, default=0, help="of --fault probability=")
    parser.add_argument("--user", help="offer AUTH to this user")
    parser.add_argument(
        "--password-env", metavar="VAR", help="the variable with the user's password"
    )
    parser.add_argument("--ca-file", type=Path, help="write the CA certificate here")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="'STEP [PATTERN] ACTION...'",
        help="""for example 'rcpt nobody@* reply="550 5.1.1 No"' or 'eod delay=30'""",
    )
    return parser


def _start(arguments: Sequence[str] | None) -> Sandbox:
    parser = _parser()
    options = parser.parse_args(arguments)
    if bool(options.user) != bool(options.password_env):
        parser.error("--user and --password-env go together.")
    if options.user and options.password_env not in os.environ:
        parser.error(f"There is no environment variable {options.password_env}.")
    auth = {options.user: os.environ[options.password_env]} if options.user else None
    try:
        faults = [read_fault(words) for words in options.fault]
        sandbox = Sandbox(auth=auth, faults=faults, **_settings(options))
    except (OSError, ValueError, OverflowError) as error:
        parser.error(str(error))
    if options.ca_file:
        try:
            options.ca_file.write_text(sandbox.ca, encoding="ascii")
        except OSError as error:
            sandbox.stop()
            parser.error(str(error))
    return sandbox


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return what was said, by the names of the arguments of `Sandbox`."""
    names = (*_SAME, *(name for name, _ in _REPEATED.values()))
    said = {name: getattr(options, name) for name in names}
    return {name: value for name, value in said.items() if value is not None}


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sandbox until Ctrl-C.

    Args:
        arguments: The command line, `sys.argv` by default.

    Returns:
        The exit code, 0.
    """
    with _start(arguments) as sandbox:
        try:
            _print(sandbox.address)
            n = 0
            while True:
                n += 1
                message = sandbox.wait_for(n)
                _print(
                    for_terminal(
                        f"{message.n} {message.verb} {message.size} octets "
                        f"<{message.mail_from}> -> {', '.join(message.rcpt_to)} "
                        f"{message.subject!r}"
                    )
                )
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    raise SystemExit(main())
