"""Three thousand random dialogues: the table says what the server has in its books."""

from __future__ import annotations

import pandas as pd
import pytest

from smtpnb import Transcript
from tests.transcript.books import Dialogue, Line

SEEDS = range(3000)


@pytest.fixture(scope="module")
def told() -> tuple[dict[str, list[Line]], dict[str, list[Line]]]:
    """What the books say, and what the table says, by session."""
    books: dict[str, list[Line]] = {}
    records = []
    for seed in SEEDS:
        record, lines = Dialogue(seed).run()
        records.append(record)
        books[record.session_id] = lines
    frame = Transcript(records).transactions()
    columns = ["mail_from", "rcpt_to", "outcome", "queue_id"]
    rows = frame[columns].astype(object)
    rows = rows.where(pd.notna(rows), None)
    table: dict[str, list[Line]] = {session: [] for session in books}
    for session, row in zip(
        frame["session_id"], rows.itertuples(index=False, name=None), strict=True
    ):
        table[session].append(Line(*row))
    return books, table


def test_the_table_says_what_the_books_say(
    told: tuple[dict[str, list[Line]], dict[str, list[Line]]],
) -> None:
    books, table = told
    differ = {
        seed: (books[session], table[session])
        for seed, session in zip(SEEDS, books, strict=True)
        if books[session] != table[session]
    }
    assert not differ


def test_the_dialogues_hold_every_outcome(
    told: tuple[dict[str, list[Line]], dict[str, list[Line]]],
) -> None:
    books, _ = told
    outcomes = {line.outcome for lines in books.values() for line in lines}
    assert outcomes == {
        *("delivered", "deferred", "rejected", "unknown", "aborted", "not tried"),
    }
