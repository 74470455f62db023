"""The findings of `lint` as a frame that shows itself as a report.

It is an ordinary frame in every other way: filter it, group it, save it. A verdict is
a word, and colour only repeats it. What passed takes one line, so that what did not
is seen.

Loads pandas: import it only where there are findings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from smtpnb.edges.colours import AMBER, GREEN, RED, of_words
from smtpnb.edges.text import NO_LATEX, cut, for_html

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLOURS: Final = {"FAIL": RED, "WARN": AMBER, "PASS": GREEN}
_NEEDED: Final = frozenset(
    {"rule", "verdict", "what", "n", "exchange_no", "said", "reply", "rfc"}
)
_LONGEST: Final = 160  # characters of a command or a reply that are shown


class Findings(pd.DataFrame):
    """A frame of findings; see `lint` for its columns.

    Where they are of a `conformance`, `attrs["asked"]` says how far it came, and so
    does the report: what was not asked is not clean.
    """

    @property
    def _constructor(self) -> type[Findings]:
        return Findings

    def __repr__(self) -> str:
        return self._report() if set(self.columns) >= _NEEDED else super().__repr__()

    def _report(self) -> str:
        lines = [summary(self)]
        for row in self._wrong():
            where = f"[{row['rule']}, {row['rfc']}]"
            lines.append(f"{row['verdict']}  {row['what']}{_times(row)}  {where}")
            lines.append(f"      {_shown(row)}")
        passed = self._passed()
        if passed:
            lines.append(f"PASS  {', '.join(passed)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        if not set(self.columns) >= _NEEDED:
            inherited: str = super()._repr_html_()  # type: ignore[misc]
            return inherited
        style = "text-align:left;vertical-align:top;white-space"
        cell, fixed = f'style="{style}:normal"', f'style="{style}:nowrap"'
        rows = []
        for row in self._wrong():
            verdict = _word(row["verdict"])
            said = f"{for_html(row['what'])}{for_html(_times(row))}"
            where = f"<code>{for_html(_shown(row))}</code>"
            source = f"{for_html(row['rfc'])}<br>{for_html(row['rule'])}"
            rows.append(
                f"<td {fixed}>{verdict}</td><td {cell}>{said}<br>{where}</td>"
                f"<td {fixed}>{source}</td>"
            )
        passed = self._passed()
        if passed:
            rows.append(
                f"<td {cell}>{_word('PASS')}</td>"
                f'<td {cell} colspan="2">{for_html(", ".join(passed))}</td>'
            )
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return (
            f'<div class="smtpnb-lint {NO_LATEX}"><p>{for_html(summary(self))}</p>'
            f"<table>{body}</table></div>"
        )

    def _wrong(self) -> Iterator[dict[str, Any]]:
        for row in self[self["verdict"] != "PASS"].to_dict("records"):
            yield {str(name): value for name, value in row.items()}

    def _passed(self) -> list[str]:
        passed = self.loc[self["verdict"] == "PASS", "rule"]
        return list(dict.fromkeys(passed))


def _word(verdict: str) -> str:
    colour = _COLOURS.get(verdict)
    style = "" if colour is None else f' style="{of_words(colour)}"'
    return f"<b{style}>{for_html(verdict)}</b>"


def summary(findings: pd.DataFrame) -> str:
    """Say in one line how many findings of each verdict there are."""
    counts = findings["verdict"].value_counts()
    words = [f"{counts.get(level, 0)} {level}" for level in _COLOURS]
    servers = list(dict.fromkeys(findings["server"])) if "server" in findings else []
    about = f" of {servers[0]}" if len(servers) == 1 else ""
    about = f" of {len(servers)} servers" if len(servers) > 1 else about
    asked = findings.attrs.get("asked")
    told = f" ({asked})" if asked else ""
    return f"Findings{about}: {', '.join(words)}{told}"


def _times(row: dict[str, Any]) -> str:
    return "" if row["n"] == 1 else f" ({row['n']} times)"


def _shown(row: dict[str, Any]) -> str:
    """The evidence in one line: where it stands, what was said, what came."""
    reply = cut(str(row["reply"]).replace("\n", " | "), _LONGEST)
    if pd.isna(row["exchange_no"]):
        return reply
    return (
        f"exchange {row['exchange_no']}: {cut(str(row['said']), _LONGEST)} -> {reply}"
    )
