"""How a server keeps the RFCs, judged from a transcript: any transcript.

`lint` asks every rule of `lint_rules` about every session. What comes out is a frame
whose every row can be checked in the transcript beside it: the session, the number of
the exchange, what was said and what was answered.

This module knows nothing of the rules themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis.frames import table
from smtpnb.analysis.inputs import events_of
from smtpnb.analysis.lint.rules import RULES
from smtpnb.analysis.lint.rules.talk import talks
from smtpnb.analysis.lint.rules.verdict import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from smtpnb.analysis.inputs import Source
    from smtpnb.analysis.lint.findings import Findings
    from smtpnb.analysis.lint.rules.talk import Talk
    from smtpnb.analysis.lint.rules.verdict import Rule, Verdict

_DTYPES: Final = {
    "rule": "text",
    "verdict": "text",
    "what": "text",
    "n": "int32",
    "server": "text",
    "session_id": "text",
    "exchange_no": "Int32",
    "said": "text",
    "reply": "text",
    "rfc": "text",
}


def lint(source: Source) -> Findings:
    """Judge the sessions of a transcript by the RFCs.

    FAIL is a MUST that is not kept, WARN a SHOULD (or a MUST kept in another way),
    PASS a question that came up and was answered well. A rule whose question did not
    come up has no row: `client.run(conformance())` makes most of them come up.

    Args:
        source: A transcript, or a frame of its `events()`.

    Returns:
        A frame that shows itself as a report, worst first. One row for each rule and
        session that passed, and one for each thing that is wrong: `rule`, `verdict`,
        `what` (a sentence), `n` (how many exchanges show it), and of the first of
        them `server` (host:port), `session_id`, `exchange_no` (null: no exchange
        shows it), `said` and `reply`; `rfc` is the section that asks for it.
    """
    from smtpnb.analysis.lint.findings import Findings  # loads pandas

    rows: list[dict[str, Any]] = []
    for talk in talks(events_of(source)):
        for rule in RULES:
            rows += _rows(talk, rule)
    rows.sort(key=lambda row: LEVELS.index(row["verdict"]))
    return Findings(table(rows, _DTYPES))


def lint_rules() -> pd.DataFrame:
    """Return the rules of `lint`: `rule`, `promise` (a sentence), `rfc`."""
    rows = [(rule.name, rule.promise, rule.rfc) for rule in RULES]
    return table(rows, dict.fromkeys(("rule", "promise", "rfc"), "text"))


def _rows(talk: Talk, rule: Rule) -> Iterator[dict[str, Any]]:
    """What one rule says of one session: what is wrong, or else that it passed."""
    verdicts = list(rule.check(talk))
    wrong = [verdict for verdict in verdicts if verdict.level != "PASS"]
    same: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in wrong or verdicts:
        same.setdefault((verdict.level, verdict.what), []).append(verdict)
    for (level, what), alike in same.items():
        first = alike[0]
        yield {
            "rule": rule.name,
            "verdict": level,
            "what": what or rule.promise,
            "n": len(alike),
            "server": talk.server,
            "session_id": talk.session_id,
            "rfc": rule.rfc,
            **_evidence(first),
        }


def _evidence(verdict: Verdict) -> dict[str, Any]:
    turn = verdict.turn
    if turn is None:
        return {"reply": verdict.shown}
    answer = f"{turn.code} {turn.text}" if turn.code is not None else "(no reply)"
    return {
        "exchange_no": turn.no,
        "said": turn.line or f"({turn.name})",
        "reply": verdict.shown or answer,
    }
