"""The findings of `lint` as a frame that shows itself as a report.

It is an ordinary frame in every other way: filter it, group it, save it. A verdict is
a word, and colour only repeats it. What passed takes one line, so that what did not
is seen; what several sessions show alike, as the parts of a `conformance` do, is said
once.

Loads pandas: import it only where there are findings.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from smtpnb.edges.colours import AMBER, GREEN, RED, of_words
from smtpnb.edges.text import NO_LATEX, cut, for_html

_COLOURS: Final = {"FAIL": RED, "WARN": AMBER, "PASS": GREEN}
_NEEDED: Final = frozenset(
    {"rule", "verdict", "what", "n", "exchange_no", "said", "reply", "rfc"}
)
# What makes two findings one kind, and what is counted of each.
_KIND: Final = ("verdict", "rule", "what")
_PLACES: Final = {"session_id": "sessions", "server": "servers"}
_MOST: Final = 40  # kinds of findings that a report tells
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
        wrong = self._wrong()
        for row in wrong[:_MOST]:
            where = f"[{row['rule']}, {row['rfc']}]"
            lines.append(f"{row['verdict']}  {row['what']}{_times(row)}  {where}")
            lines.append(f"      {_shown(row)}")
        lines += _more(wrong)
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
        rows, wrong = [], self._wrong()
        for row in wrong[:_MOST]:
            verdict = _word(row["verdict"])
            said = f"{for_html(row['what'])}{for_html(_times(row))}"
            where = f"<code>{for_html(_shown(row))}</code>"
            source = f"{for_html(row['rfc'])}<br>{for_html(row['rule'])}"
            rows.append(
                f"<td {fixed}>{verdict}</td><td {cell}>{said}<br>{where}</td>"
                f"<td {fixed}>{source}</td>"
            )
        rows += [f'<td {cell} colspan="3">{told}</td>' for told in _more(wrong)]
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

    def _wrong(self) -> list[dict[str, Any]]:
        """What is wrong, each kind once, with the first exchange that shows it."""
        wrong = self[self["verdict"] != "PASS"]
        if not len(wrong):
            return []
        known = [name for name in _PLACES if name in wrong]
        groups = wrong.groupby(list(_KIND), sort=False, observed=True)
        places = groups[known].nunique().reset_index(drop=True)
        first = groups.head(1).assign(n=list(groups["n"].sum()))
        return [
            {**{str(name): value for name, value in row.items()}, "places": place}
            for row, place in zip(
                first.to_dict("records"), places.to_dict("records"), strict=True
            )
        ]

    def _passed(self) -> list[str]:
        broken = set(self.loc[self["verdict"] != "PASS", "rule"])
        passed = self.loc[self["verdict"] == "PASS", "rule"]
        return [rule for rule in dict.fromkeys(passed) if rule not in broken]


def _word(verdict: str) -> str:
    colour = _COLOURS.get(verdict)
    style = "" if colour is None else f' style="{of_words(colour)}"'
    return f"<b{style}>{for_html(verdict)}</b>"


def summary(findings: pd.DataFrame) -> str:
    """Say in one line how much is wrong on each server, and how many rules it kept."""
    alike = [name for name in ("server", *_KIND) if name in findings]
    counts = findings[alike].drop_duplicates()["verdict"].value_counts()
    words = [f"{counts.get(level, 0)} {level}" for level in ("FAIL", "WARN")]
    words.append(f"{_kept(findings)} PASS")
    servers = list(dict.fromkeys(findings["server"])) if "server" in findings else []
    about = f" of {servers[0]}" if len(servers) == 1 else ""
    about = f" of {len(servers)} servers" if len(servers) > 1 else about
    asked = findings.attrs.get("asked")
    told = f" ({asked})" if asked else ""
    return f"Findings{about}: {', '.join(words)}{told}"


def _kept(findings: pd.DataFrame) -> int:
    """Return how many rules were kept, on each server for itself."""
    rules = findings[[name for name in ("server", "rule") if name in findings]]
    good = findings["verdict"] == "PASS"
    broken = set(rules[~good].itertuples(index=False, name=None))
    return len(set(rules[good].itertuples(index=False, name=None)) - broken)


def _more(wrong: list[dict[str, Any]]) -> list[str]:
    """Say what the report leaves out, if it does."""
    left = len(wrong) - _MOST
    return [f"{left} more kinds of findings stand in the frame"] if left > 0 else []


def _times(row: dict[str, Any]) -> str:
    told = [f"{row['n']} times"] if row["n"] > 1 else []
    for name, word in _PLACES.items():
        if (n := row["places"].get(name, 1)) > 1:
            told.append(f"{n} {word}")
    return f" ({', '.join(told)})" if told else ""


def _shown(row: dict[str, Any]) -> str:
    """The evidence in one line: where it stands, what was said, what came."""
    reply = cut(str(row["reply"]).replace("\n", " | "), _LONGEST)
    if pd.isna(row["exchange_no"]):
        return reply
    return (
        f"exchange {row['exchange_no']}: {cut(str(row['said']), _LONGEST)} -> {reply}"
    )
