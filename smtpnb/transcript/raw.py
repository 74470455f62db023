"""Octets that were sent as they are, read as the commands they hold.

Who sends `MAIL FROM:<a@b.test>` by `raw()` has begun a mail transaction all the same,
and the server answers each line as if a verb had sent it. What is no line that we know
stays what it is: octets.
"""

from __future__ import annotations

from typing import Final

from smtpnb.protocol.commands import Custom

# A command: step, verb, shown octets, octets on the wire (see `wire.record`).
Part = tuple[str, str | None, bytes, int]

_END: Final = b"\r\n.\r\n"  # RFC 5321 section 4.1.1.4


def parts(shown: bytes, n_octets: int, *, in_data: bool) -> list[Part]:
    """Return the commands in raw octets, in order; none if they are not just commands.

    Args:
        shown: The octets as the record has them, secrets cut.
        n_octets: How many there were on the wire.
        in_data: Whether they stand behind a 354, up to the final dot.
    """
    found: list[Part] = []
    rest = shown
    while rest:
        if in_data:
            line, rest = _content(rest)
        else:
            line, end, rest = rest.partition(b"\n")
            line += end
        if not line.endswith(b"\n"):
            return []  # half a line, or content that goes on
        if in_data:
            found.append(("eod", ".", line, len(line)))
            in_data = False
        else:
            word = line.split(None, 1)[0].decode("latin-1") if line.strip() else ""
            step, verb = Custom(word).step, Custom(word).verb
            known = None if step == "other" else verb
            found.append((step, known, line, len(line)))
            in_data = verb == "DATA" and _END in b"\r\n" + rest
    if not any(verb for _, verb, *_ in found):
        return []
    # What was cut is in one line: the secret of AUTH.
    cut = n_octets - len(shown)
    return [
        (step, verb, line, size + cut if verb == "AUTH" else size)
        for step, verb, line, size in found
    ]


def _content(octets: bytes) -> tuple[bytes, bytes]:
    """Return content with its final dot, and what stands behind it."""
    if octets.startswith(_END[2:]):
        return octets[:3], octets[3:]
    content, end, rest = octets.partition(_END)
    return content + end, rest
