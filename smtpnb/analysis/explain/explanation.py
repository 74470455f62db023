"""An explanation: what an experienced postmaster would say, as a value.

Everything in it is inert text already (`smtpnb.edges.text`), whoever said it first.
This module knows nothing of how an explanation is found.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from smtpnb.edges.text import NO_LATEX, for_html

_CELL: Final = "text-align:left;vertical-align:top"


class Explanation(NamedTuple):
    """Who refused what, where, how permanently, and what to do next.

    Attributes:
        headline: In a sentence.
        who: Which host, by name and address.
        where: At which step, and what that means for the message.
        permanence: Whether trying again can help, and when.
        next_steps: What to do, most useful first.
        evidence: The replies and rules that say so.
    """

    headline: str
    who: str
    where: str
    permanence: str
    next_steps: tuple[str, ...]
    evidence: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it, as lines."""
        lines = [self.headline, *(f"{name}: {text}" for name, text in self._parts())]
        for name, items in self._lists():
            lines += [f"{name}:", *(f"  - {item}" for item in items)]
        return "\n".join(lines)

    def _parts(self) -> list[tuple[str, str]]:
        parts = {
            "Who": self.who,
            "Where": self.where,
            "How permanent": self.permanence,
        }
        return [(name, text) for name, text in parts.items() if text]

    def _lists(self) -> list[tuple[str, tuple[str, ...]]]:
        lists = {"What next": self.next_steps, "Evidence": self.evidence}
        return [(name, items) for name, items in lists.items() if items]

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        rows = [
            f'<tr><th style="{_CELL}">{for_html(name)}</th>'
            f'<td style="{_CELL}">{for_html(text)}</td></tr>'
            for name, text in self._parts()
        ]
        for name, items in self._lists():
            listed = "".join(f"<li>{for_html(item)}</li>" for item in items)
            rows.append(
                f'<tr><th style="{_CELL}">{for_html(name)}</th><td style="{_CELL}">'
                f'<ul style="margin:0">{listed}</ul></td></tr>'
            )
        return (
            f'<div class="smtpnb-explanation {NO_LATEX}">'
            f"<p><b>{for_html(self.headline)}</b></p>"
            f"<table>{''.join(rows)}</table></div>"
        )
