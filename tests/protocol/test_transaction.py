"""Hand-made dialogues, and what became of whom."""

from __future__ import annotations

import pytest

from smtpnb.protocol.transaction import Follower, Transaction

Said = tuple[str, str] | tuple[str, str, str]

OK, NO, LATER, GO, BYE = "250 ok", "550 no", "451 later", "354 go", "421 bye"
MAIL: Said = ("MAIL", OK, "a@x")
RCPT: Said = ("RCPT", OK, "b@x")
DATA: Said = ("DATA", GO)

# What was answered; of each transaction: sender, outcome, outcome of each recipient,
# and the reply that is the reason.
CASES: dict[str, tuple[list[Said], list[tuple[str | None, str, str, str]]]] = {
    "accepted": ([MAIL, RCPT, DATA, (".", OK)], [("a@x", "accepted", "a", "")]),
    "one of two": (
        [MAIL, RCPT, ("RCPT", NO, "c@x"), DATA, (".", OK)],
        [("a@x", "accepted", "ar", "")],
    ),
    "the echo is not the reason": (
        [MAIL, ("RCPT", NO, "b@x"), ("DATA", "503 no recipients")],
        [("a@x", "refused", "r", NO)],
    ),
    "all refused, and a lone dot taken": (
        [MAIL, ("RCPT", NO, "b@x"), DATA, (".", OK)],
        [("a@x", "refused", "r", NO)],
    ),
    "MAIL refused, in a group": (
        [("MAIL", LATER, "a@x"), ("RCPT", "503 no"), ("DATA", "503 no")],
        [("a@x", "refused", "r", LATER)],
    ),
    "a refused MAIL changes nothing": (
        [MAIL, ("MAIL", "503 nested", "z@x"), RCPT, DATA, (".", OK)],
        [("a@x", "accepted", "a", ""), ("z@x", "refused", "", "503 nested")],
    ),
    "a refused RSET changes nothing": (
        [MAIL, ("RSET", NO), RCPT, DATA, (".", OK)],
        [("a@x", "accepted", "a", "")],
    ),
    "a refused EHLO changes nothing": (
        [MAIL, ("EHLO", NO), RCPT, DATA, (".", OK)],
        [("a@x", "accepted", "a", "")],
    ),
    "RSET ends it": (
        [MAIL, RCPT, ("RSET", OK), ("MAIL", OK, "z@x"), RCPT, DATA, (".", OK)],
        [("a@x", "not tried", "n", ""), ("z@x", "accepted", "a", "")],
    ),
    "out of order, and taken": (
        [RCPT, DATA, (".", OK)],
        [(None, "accepted", "a", "")],
    ),
    "a chunk refused": (
        [MAIL, RCPT, ("BDAT", OK), ("BDAT", NO), ("BDAT LAST", "503 no")],
        [("a@x", "refused", "r", NO)],
    ),
    "BDAT": (
        [MAIL, RCPT, ("BDAT", OK), ("BDAT LAST", OK)],
        [("a@x", "accepted", "a", "")],
    ),
    "DATA refused, and chunks taken": (
        [MAIL, RCPT, ("DATA", LATER), ("BDAT", OK), ("BDAT LAST", OK)],
        [("a@x", "accepted", "a", "")],
    ),
    "DATA refused, and the last chunk taken": (
        [MAIL, RCPT, ("DATA", LATER), ("BDAT LAST", OK)],
        [("a@x", "accepted", "a", "")],
    ),
    "DATA refused, and the chunk as well": (
        [MAIL, RCPT, ("DATA", LATER), ("BDAT LAST", "503 no")],
        [("a@x", "refused", "r", LATER)],
    ),
    "DATA refused, then granted": (
        [MAIL, RCPT, ("DATA", LATER), DATA, (".", OK)],
        [("a@x", "accepted", "a", "")],
    ),
    "LMTP: DATA refused, and the last chunk taken for one": (
        [
            *(("LHLO", OK), MAIL, RCPT, ("RCPT", OK, "d@x"), ("DATA", NO)),
            *(("BDAT LAST", LATER), ("BDAT LAST", OK)),
        ],
        [("a@x", "accepted", "ra", "")],
    ),
    "421 to a recipient": (
        [MAIL, RCPT, ("RCPT", BYE, "c@x")],
        [("a@x", "refused", "rr", BYE)],
    ),
    "the first no, not the 421 behind it": (
        [MAIL, ("RCPT", NO, "b@x"), ("DATA", BYE)],
        [("a@x", "refused", "r", NO)],
    ),
    "LMTP: each recipient has a final": (
        [
            *(("LHLO", OK), MAIL, RCPT, ("RCPT", NO, "c@x"), ("RCPT", OK, "d@x")),
            *(DATA, (".", OK), (".", LATER)),
        ],
        [("a@x", "accepted", "arr", "")],
    ),
    "LMTP: all finals refused": (
        [("LHLO", OK), MAIL, RCPT, ("RCPT", OK, "d@x"), DATA, (".", NO), (".", LATER)],
        [("a@x", "refused", "rr", NO)],
    ),
    "LMTP: one final is missing": (
        [("LHLO", OK), MAIL, RCPT, ("RCPT", OK, "d@x"), DATA, (".", NO)],
        [("a@x", "not tried", "rn", "")],
    ),
}


def follow(said: list[Said]) -> list[Transaction]:
    follower = Follower()
    seen: list[Transaction] = []
    for event, reply, *paths in said:
        path = paths[0] if paths else None
        found = follower.answered(event, f"{reply}\r\n".encode(), path)
        if found is not None and not any(found is each for each in seen):
            seen.append(found)
    return seen


@pytest.mark.parametrize("name", CASES)
def test_what_became_of_whom(name: str) -> None:
    said, expected = CASES[name]
    found = [
        (
            each.reverse_path,
            each.outcome,
            "".join(outcome[0] for outcome, _ in each.of_recipients()),
            (each.reason or b"").decode().strip(),
        )
        for each in follow(said)
    ]
    assert found == expected


@pytest.mark.parametrize(
    ("left", "turned_away", "fate"),
    [
        (True, False, "unknown"),
        (False, False, "aborted"),
        (True, True, "not tried"),
        (False, True, "not tried"),
    ],
)
def test_where_no_reply_decided(left: bool, turned_away: bool, fate: str) -> None:
    (transaction,) = follow([MAIL, RCPT])
    transaction.settle(left=left, turned_away=turned_away)
    assert transaction.outcome == fate
    assert transaction.of_recipients() == [(fate, None)]


def test_a_421_decides_nothing_where_the_end_had_left() -> None:
    (transaction,) = follow([MAIL, RCPT, ("RCPT", BYE, "c@x")])
    transaction.settle(left=True)
    assert transaction.outcome == "unknown"
    assert [fate for fate, _ in transaction.of_recipients()] == ["unknown", "refused"]


def test_replies_stand_in_the_order_of_the_dialogue() -> None:
    (transaction,) = follow([MAIL, RCPT, DATA, (".", OK)])
    codes = [octets[:3] for octets in transaction.replies]
    assert codes == [b"250", b"250", b"354", b"250"]
