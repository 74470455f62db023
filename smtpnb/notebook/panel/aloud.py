"""What a screen reader is told while something runs: seldom, and only what is new.

The line that is seen changes ten times a second; read out, that would be noise. So a
text of its own changes each ten seconds, and with each quarter of a content whose size
is known. What happened in the end is told by the status itself.

This module knows nothing of widgets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.edges.text import for_html

if TYPE_CHECKING:
    from smtpnb.notebook.panel.worker import Look

EVERY_S: Final = 10


def aloud(look: Look) -> str:
    """Return inert HTML that a screen reader reads out whenever it is another one."""
    said = milestone(look)
    return f'<div role="alert">{for_html(said)}</div>' if said else ""


def milestone(look: Look) -> str:
    """Return the last thing worth telling; "" in the first seconds."""
    if not look.running:
        return ""
    share = min(look.octets / look.total, 1.0) if look.total else 0.0
    quarter, tens = int(4 * share), int(look.seconds // EVERY_S)
    said = [f"{EVERY_S * tens} seconds"] if tens else []
    if quarter:
        size = f"{look.total / 1e6:.1f} MB"
        said.append(f"{25 * quarter} percent of {size} sent")
    return f"{look.running}: {', '.join(said)}" if said else ""
