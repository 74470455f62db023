"""The state diagram, drawn from the table of a session; and what may be sent now.

Nothing about SMTP stands here: the states, what leads from one to another and on which
replies are read from the tables of `protocol.session`. A row holds the states that are
equally many steps from the greeting. What leads on from the state of now is drawn in
full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpnb.edges.text import for_html
from smtpnb.protocol.session import NOT_VERBS, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Table = Mapping[State, Mapping[str, Mapping[int, State]]]

_COLUMN, _ROW = 116, 62
_WIDTH, _HEIGHT = 96, 28


def moves(table: Table, state: State) -> dict[State, list[str]]:
    """Return where a state leads, and by which verbs."""
    found: dict[State, list[str]] = {}
    for verb, answers in table[state].items():
        for target in dict.fromkeys(answers.values()):
            if target is not state:
                found.setdefault(target, []).append(NOT_VERBS.get(verb, verb))
    return found


def rows(table: Table) -> list[list[State]]:
    """Return the states by their distance from the greeting; CLOSED stands first."""
    found, seen = [[State.CLOSED], [State.GREETING]], {State.CLOSED, State.GREETING}
    ends = {state for state, verbs in table.items() if set(verbs) == {"QUIT"}}
    while True:
        near = [
            target
            for state in found[-1]
            for target in moves(table, state)
            if target not in ends
        ]
        new = [state for state in dict.fromkeys(near) if state not in seen]
        if not new:
            break
        found.append(new)
        seen.update(new)
    rest = [state for state in table if state not in seen]
    return [*found, rest] if rest else found


def svg(table: Table, now: State, may: Iterable[str] | None = None) -> str:
    """Return the diagram as SVG, with the state of now marked in it.

    Args:
        table: Of the protocol.
        now: Where the session is.
        may: What may be sent now, of what is in order; None: all of it.
    """
    places = _places(rows(table))
    width = max(x for x, _ in places.values()) + _COLUMN // 2
    height = max(y for _, y in places.values()) + _HEIGHT
    edges = [
        _edge(places, state, target, verbs, is_now=state is now and _any(verbs, may))
        for state in table
        for target, verbs in moves(table, state).items()
        if target is not State.CLOSING  # QUIT leads there from everywhere
    ]
    # To connect is no verb, so the table does not have it.
    is_now = now is State.CLOSED
    connect = _edge(places, State.CLOSED, State.GREETING, ["connect"], is_now=is_now)
    edges.append(connect)
    # What leads on from here lies above what is only hinted at, and words above lines.
    edges.sort(key=lambda edge: "smtpnb-from-here" in edge[0])
    drawn = [path for path, _ in edges] + [label for _, label in edges]
    x, y = places[State.CLOSING]
    nodes = [
        f'<text class="smtpnb-edge" x="{x}" y="{y - 18}">QUIT, from everywhere</text>'
    ]
    nodes += [_node(state, place, now) for state, place in places.items()]
    said = for_html(f"state diagram: the session is {now.name}, {now.value}")
    return (
        f'<svg class="smtpnb-diagram" role="img" aria-label="{said}" '
        f'viewBox="0 0 {width} {height}"><defs>'
        '<marker id="smtpnb-tip" viewBox="0 0 8 8" refX="7" refY="4" '
        'markerWidth="7" markerHeight="7" orient="auto-start-reverse">'
        '<path d="M0,0 L8,4 L0,8 z" fill="context-stroke"/></marker></defs>'
        f"{''.join(drawn)}{''.join(nodes)}</svg>"
    )


def _any(verbs: list[str], may: Iterable[str] | None) -> bool:
    """Tell whether one of the verbs of an edge may be sent, as far as is known."""
    if may is None:
        return True
    allowed = {NOT_VERBS.get(verb, verb) for verb in may}
    return any(verb in allowed or not verb.isupper() for verb in verbs)


def _places(lines: list[list[State]]) -> dict[State, tuple[int, int]]:
    widest = max(map(len, lines))
    return {
        state: (
            int(_COLUMN * (column + 0.5 + (widest - len(row)) / 2)),
            _HEIGHT + _ROW * line,
        )
        for line, row in enumerate(lines)
        for column, state in enumerate(row)
    }


def _edge(
    places: Mapping[State, tuple[int, int]],
    start: State,
    end: State,
    verbs: list[str],
    *,
    is_now: bool,
) -> tuple[str, str]:
    """Return an edge as its line and its label."""
    (x1, y1), (x2, y2) = places[start], places[end]
    kind = "smtpnb-from-here" if is_now else "smtpnb-edge"
    down = y2 > y1
    if down:
        y1, y2 = y1 + _HEIGHT // 2, y2 - _HEIGHT // 2
        path = f"M{x1},{y1} C{x1},{y1 + 20} {x2},{y2 - 20} {x2},{y2 - 1}"
    else:
        side = 1 if x1 >= x2 else -1
        x1, x2 = x1 + side * _WIDTH // 2, x2 + side * _WIDTH // 2
        bend = max(x1, x2) + 16 if side > 0 else min(x1, x2) - 16
        path = f"M{x1},{y1} C{bend},{y1} {bend},{y2} {x2 + side},{y2}"
        kind += " smtpnb-back"
    drawn = f'<path class="{kind}" d="{path}" marker-end="url(#smtpnb-tip)"/>'
    if not down:
        return drawn, ""
    label = for_html("/".join(verbs))
    # Near its end, where labels from one state lie farthest apart.
    x, y = int(x1 + 0.8 * (x2 - x1)), y1 + int(0.62 * (y2 - y1))
    return drawn, f'<text class="{kind}" x="{x}" y="{y}">{label}</text>'


def _node(state: State, place: tuple[int, int], now: State) -> str:
    x, y = place
    kind = "smtpnb-here" if state is now else "smtpnb-state"
    return (
        f'<g class="{kind}"><title>{for_html(state.value)}</title>'
        f'<rect x="{x - _WIDTH // 2}" y="{y - _HEIGHT // 2}" rx="6" '
        f'width="{_WIDTH}" height="{_HEIGHT}"/>'
        f'<text x="{x}" y="{y + 4}">{state.name}</text></g>'
    )


def next_moves(table: Table, now: State, possible: tuple[str, ...]) -> str:
    """Return HTML that says what may be sent now, and where each reply leads.

    Args:
        table: The table of the session.
        now: The state.
        possible: The verbs of the table that are in order and were offered.
    """
    led: dict[str, list[str]] = {}
    for verb in possible:
        leads = _leads(table[now].get(verb, {}))
        led.setdefault(leads, []).append(for_html(NOT_VERBS.get(verb, verb)))
    rows = [
        f"<li><b>{', '.join(verbs)}</b>: {leads}</li>" for leads, verbs in led.items()
    ]
    if now is State.CLOSED:
        rows = ["<li><b>Connect</b>: leads to GREETING</li>"]
    listed = "".join(rows) or "<li>nothing: a reply is due</li>"
    return (
        f'<div class="smtpnb-may"><b>{now.name}</b>: {for_html(now.value)}. '
        f"May be sent now:<ul>{listed}</ul></div>"
    )


def _leads(answers: Mapping[int, State]) -> str:
    ends: dict[str, list[str]] = {}
    for answer, target in answers.items():
        ends.setdefault(target.name, []).append(_class(answer))
    said = [f"{', '.join(which)} leads to {end}" for end, which in ends.items()]
    return "; ".join(said) or "changes nothing"


def _class(answer: int) -> str:
    return f"{answer}yz" if answer < 10 else str(answer)
