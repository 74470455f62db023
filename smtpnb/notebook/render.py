"""What a magic shows beside the reply: the state, plain text, and errors in one line.

Text of a server is escaped where it becomes text of ours: `edges.text` for HTML and
terminals, `errors` for messages.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from smtpnb.edges.colours import GREY, RED, of_words
from smtpnb.edges.text import NO_LATEX, for_html, for_terminal
from smtpnb.notebook.grammar import COMMANDS
from smtpnb.notebook.possible import sendable
from smtpnb.protocol.errors import LocalProtocolError, TlsError
from smtpnb.protocol.session import NOT_VERBS

if TYPE_CHECKING:
    import pandas as pd

    from smtpnb.client import SmtpClient
    from smtpnb.notebook.background import Handle

# Voila and nbconvert have no fixed-width font for `<pre>` of their own.
MONO: Final = "font-family:var(--jp-code-font-family,monospace)"
_RED = "\x1b[31m"
_PLAIN = "\x1b[0m"


_coloured = True


def use_colours(*, on: bool) -> None:
    """Colour what the magics show, or leave it to words and signs; for the process."""
    global _coloured  # noqa: PLW0603  # a setting of the notebook, like a theme
    _coloured = on


def ink(colour: str) -> str:
    """Return a colour for a line, or that of the text around where none is wanted."""
    return colour if _coloured else "currentColor"


def words_in(colour: str) -> str:
    """Return the CSS of words in a colour, or of those around where none is wanted."""
    return of_words(colour) if _coloured else "color:currentColor"


class Shown(str):
    """Text that shows itself as it is, without quotes and escapes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        # JupyterLab breaks the lines of a <pre> within words.
        style = f"margin:0;{MONO};word-break:normal;overflow-wrap:anywhere"
        return f'<pre style="{style}">{for_html(str(self), newlines=True)}</pre>'


class Dialogue(Shown):
    """What was said, a line each; a refusal and a fault look like one."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        lines = "\n".join(map(_coloured_line, str(self).splitlines()))
        wrap = "white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere"
        style = f"margin:0;{MONO};{wrap}"
        return f'<pre class="smtpnb-dialogue {NO_LATEX}" style="{style}">{lines}</pre>'


def _coloured_line(line: str) -> str:
    colour = {"<**": RED, "<~*": RED, "===": GREY}.get(line[:3])
    said = for_html(line)
    return f'<span style="{words_in(colour)}">{said}</span>' if colour else said


def frame_html(frame: pd.DataFrame) -> str | None:
    """Return the HTML of a frame; pandas 2 knows the class of an older MathJax only."""
    shown: str | None = frame._repr_html_()  # type: ignore[operator]
    return shown and shown.replace(
        'dataframe tex2jax_ignore"', f'dataframe {NO_LATEX}"'
    )


def status(name: str, client: SmtpClient, handle: Handle | None = None) -> Shown:
    """Say where a session is, what runs in its background, and what may be sent now."""
    peer = for_terminal(client.peer) or "nobody"
    allowed = in_words_of_magics(", ".join(sendable(client))) or "connect"
    now = f"may be sent now: {allowed}"
    if handle is not None and not handle.done():
        now = f"{handle}\nmay be sent now: nothing; wait, or %smtp cancel"
    return Shown(
        f"session {name}, with {peer}: {client.state} ({client.state.value})\n{now}"
    )


_AS_LMTP: Final = 'connect(..., protocol="lmtp")'
_WAY_OUT: Final = "%%smtp data (the message), %smtp end (its final dot)"
_IN_AUTH: Final = ", ".join((NOT_VERBS[""], NOT_VERBS["*"]))
_BY_RAW: Final = r"%smtp raw {response}, %smtp raw {b'*\r\n'} (gives AUTH up)"
_NAMES: Final = {
    "reverse_path": "--from",
    "forward_paths": "--to",
    "which is the reverse-path": "--from",
    "lax sends": "--lax sends",
    "server_hostname": "--server-name",
    "read_reply": "%smtp raw {b''} reads one",
    **{
        option[2:].replace("-", "_"): option
        for command in COMMANDS.values()
        for option in command.options
        if "-" in option[2:]  # else it is a word of English as well
    },
}


def in_words_of_magics(text: str) -> str:
    """Say in the language of `%smtp` what an error says in Python's.

    `name=True` is a flag, `name="value"` an option, `name()` a command; and the end of
    data, which is no verb, has a way of its own.
    """
    text = re.sub(r"\bend of data$|\bend of data(?=[;,])", _WAY_OUT, text)
    text = text.replace(_AS_LMTP, "%smtp connect --lmtp")
    text = text.replace(_IN_AUTH, _BY_RAW)
    text = re.sub(r"\b([a-z_]+)=True\b", lambda m: _option(m[1]), text)
    text = re.sub(r'\b([a-z_]+)="([^"]*)"', lambda m: f"{_option(m[1])} {m[2]}", text)
    for name, option in _NAMES.items():
        text = re.sub(rf"(?<!-)\b{name}\b", option, text)
    return re.sub(r"\b(?:client\.)?([a-z_]+)\(\)", r"%smtp \1", text)


def _option(name: str) -> str:
    return _NAMES.get(name, f"--{name.replace('_', '-')}")


def error_line(error: BaseException) -> str:
    """Say an error in one line, in the words of the magics."""
    return f"{type(error).__name__}: {_words_of(error)}"


def in_one_line(error: BaseException) -> None:
    """Make IPython show an error in one red line; its class and data stay.

    Its message speaks the language of the magics from now on, for `print(error)` too.
    """
    if isinstance(error, (LocalProtocolError, TlsError)):  # our own words
        error.args = tuple(
            in_words_of_magics(one) if isinstance(one, str) else one
            for one in error.args
        )
    # IPython asks an exception for this before it formats a traceback.
    error._render_traceback_ = partial(  # type: ignore[attr-defined]
        _one_line, type(error).__name__, _words_of(error)
    )


def _words_of(error: BaseException) -> str:
    # An interrupt that stopped no verb has no words: at a prompt, say.
    return for_terminal(str(error) or "interrupted; %smtp says where the session is")


def _one_line(name: str, text: str) -> list[str]:
    head = f"{_RED}{name}{_PLAIN}" if _coloured else name
    return [f"{head}: {text}"]
