"""How a server keeps the RFCs, judged from a transcript: any transcript.

`lint` asks every rule of `lint_rules` about every session. What comes out is a frame
whose every row can be checked in the transcript beside it: the session, the number of
the exchange, what was said and what was answered.

This module knows nothing of the rules themselves.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.analysis.frames import table
from smtpnb.analysis.lint.levels import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from smtpnb.analysis.inputs import Source
    from smtpnb.analysis.lint.findings import Findings
    from smtpnb.analysis.lint.rules.rule import Rule, Verdict
    from smtpnb.analysis.lint.turns import Turns


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
    from smtpnb.analysis.lint.rules import RULES
    from smtpnb.analysis.lint.turns import Turns

    turns = Turns(source)
    parts = [part for rule in RULES for part in _parts(turns, rule)]
    return Findings(_frame(turns, RULES, parts))


def lint_rules() -> pd.DataFrame:
    """Return the rules of `lint`: `rule`, `promise` (a sentence), `rfc`."""
    from smtpnb.analysis.lint.rules import RULES  # loads pyarrow

    rows = [(rule.name, rule.promise, rule.rfc) for rule in RULES]
    return table(rows, dict.fromkeys(("rule", "promise", "rfc"), "text"))


class _Part(NamedTuple):
    """Rows of one rule, level and, but for what wears a value, one sentence.

    Attributes:
        rule: The rule.
        level: FAIL, WARN or PASS.
        what: The sentences.
        which: For each row which sentence it has.
        session: For each row the number of its session.
        at: For each row the first exchange that shows it; -1: none.
        n: For each row how many show it.
        shown: For each row what stands in place of the reply, or "".
    """

    rule: Rule
    level: str
    what: list[str]
    which: Any
    session: Any
    at: Any
    n: Any
    shown: Sequence[str]


def _parts(turns: Turns, rule: Rule) -> Iterator[_Part]:
    """What one rule says of all sessions: what is wrong, or else that it passed."""
    import numpy as np  # loaded only when used

    verdicts = [verdict for verdict in rule.check(turns) if len(verdict.positions)]
    wrong = [verdict for verdict in verdicts if verdict.level != "PASS"]
    broken = np.zeros(len(turns.names), bool)
    for verdict in wrong:
        broken[_sessions(turns, verdict)] = True
        yield _part(turns, rule, verdict, *_sentences(turns, verdict))
    good = [verdict for verdict in verdicts if verdict.level == "PASS"]
    if good:
        yield from _passed(turns, rule, good, broken)


def _passed(
    turns: Turns, rule: Rule, verdicts: list[Verdict], broken: Any
) -> Iterator[_Part]:
    """One row for each session in which nothing is wrong and something right."""
    import numpy as np  # loaded only when used

    session = np.concatenate([_sessions(turns, verdict) for verdict in verdicts])
    at = np.concatenate([verdict.positions for verdict in verdicts])
    shown = [word for v in verdicts for word in v.shown or [""] * len(v.positions)]
    order = np.lexsort((at, session))
    order = order[~broken[session[order]]]
    if len(order):
        merged = verdicts[0]._replace(
            positions=at[order],
            sessions=session[order],
            shown=[shown[i] for i in order],
        )
        which = np.zeros(len(order), np.int64)
        yield _part(turns, rule, merged, [rule.promise], which)


def _sessions(turns: Turns, verdict: Verdict) -> Any:
    if verdict.sessions is not None:
        return verdict.sessions
    return turns.session[verdict.positions]


def _sentences(turns: Turns, verdict: Verdict) -> tuple[list[str], Any]:
    """The sentences of a verdict, each once, and for each exchange which."""
    import numpy as np  # loaded only when used
    import pandas as pd

    names = [name for _, name, *_ in string.Formatter().parse(verdict.what) if name]
    if not names:
        return [verdict.what], np.zeros(len(verdict.positions), np.int64)
    columns = [
        verdict.words[name]
        if name in verdict.words
        else turns.values(name, verdict.positions)
        for name in names
    ]
    said = [
        verdict.what.format(**dict(zip(names, row, strict=True)))
        for row in zip(*columns, strict=True)
    ]
    which, sentences = pd.factorize(np.array(said, object))
    return list(sentences), which


def _part(
    turns: Turns, rule: Rule, verdict: Verdict, what: list[str], which: Any
) -> _Part:
    """Put together what is alike in one session."""
    import numpy as np  # loaded only when used

    session = _sessions(turns, verdict)
    key = session * len(what) + which
    _, first, n = np.unique(key, return_index=True, return_counts=True)
    shown = verdict.shown
    return _Part(
        rule=rule,
        level=verdict.level,
        what=what,
        which=which[first],
        session=session[first],
        at=verdict.positions[first],
        n=n,
        shown=[""] * len(first) if shown is None else [shown[i] for i in first],
    )


_TEXTS: Final = ("rule", "verdict", "what", "server", "session_id", "said", "reply")


def _frame(turns: Turns, rules: Sequence[Rule], parts: list[_Part]) -> pd.DataFrame:
    """Put the rows in order, the worst first, and say what shows each."""
    import numpy as np  # loaded only when used
    import pandas as pd

    from smtpnb.transcript import columns as spread

    def joined(columns: list[Any]) -> Any:
        return np.concatenate([np.empty(0, np.int64), *columns])

    lengths = [len(part.at) for part in parts]
    part_of = np.repeat(np.arange(len(parts)), lengths)
    level = np.array([LEVELS.index(part.level) for part in parts], np.int64)[part_of]
    rule = np.array([rules.index(part.rule) for part in parts], np.int64)[part_of]
    what, which = _spread_out([(part.what, part.which) for part in parts])
    session, at = (joined([getattr(p, name) for p in parts]) for name in _PLACES)
    order = np.lexsort((at, rule, session, level))
    at, session, rule = at[order], session[order], rule[order]
    shown = [word for part in parts for word in part.shown]
    said, reply, place = _evidence(turns, at, [shown[i] for i in order])
    return pd.DataFrame(
        {
            "rule": spread.text([each.name for each in rules], rule),
            "verdict": spread.text(LEVELS, level[order]),
            "what": spread.text(what, which[order]),
            "n": joined([part.n for part in parts])[order].astype(np.int32),
            "server": spread.text(turns.servers, session),
            "session_id": spread.text(turns.names, session),
            "exchange_no": spread.some_numbers(_taken(turns.no, at), at < 0, np.int32),
            "said": spread.text(*said),
            "reply": spread.text(reply, place),
            "rfc": spread.text([each.rfc for each in rules], rule),
        }
    )


_PLACES: Final = ("session", "at")


def _spread_out(parts: list[tuple[list[str], Any]]) -> tuple[list[str], Any]:
    """Join lists of texts, each with numbers into it, into one."""
    import numpy as np  # loaded only when used

    texts: list[str] = []
    numbers = [np.empty(0, np.int64)]
    for own, which in parts:
        numbers.append(which + len(texts))
        texts += own
    return texts, np.concatenate(numbers)


def _taken(column: Any, at: Any) -> Any:
    """A column at some positions, 0 where there is none."""
    import numpy as np  # loaded only when used

    return np.append(column, 0)[at]


def _evidence(
    turns: Turns, at: Any, shown: list[str]
) -> tuple[tuple[list[str], Any], list[str], Any]:
    """What was said and what came, of each row.

    Returns:
        The lines said, each once, and for each row which (-1: no exchange shows it);
        then the same of the replies.
    """
    import numpy as np  # loaded only when used

    known = np.unique(at[at >= 0])
    names = turns.values("name", known)
    lines = turns.texts("line", known)
    said = [line or f"({name})" for line, name in zip(lines, names, strict=True)]
    codes, texts = turns.code[known].tolist(), turns.texts("text", known)
    replies = [
        f"{code} {text}" if code else "(no reply)"
        for code, text in zip(codes, texts, strict=True)
    ]
    place = np.where(at < 0, -1, np.searchsorted(known, at))
    own = place.copy()
    for row, words in enumerate(shown):
        if words:
            own[row] = len(replies)
            replies.append(words)
    return (said, place), replies, own
