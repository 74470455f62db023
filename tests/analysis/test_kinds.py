from __future__ import annotations

import pandas as pd

from smtpnb.analysis.replies.kinds import kinds
from tests.analysis.rows import exchanges


def _kinds(*texts: str | None) -> list[object]:
    column = kinds(exchanges(*({"text": text} for text in texts))["text"])
    return list(column.astype(object).where(column.notna(), None))


def test_addresses_and_numbers_make_no_new_kind() -> None:
    first, second = _kinds(
        "2.0.0 <a@b.example>: queued as 4F12A at 192.0.2.1 for c@d.example",
        "2.1.5 <x@y.example>: queued as 77AA8 at 2001:db8::1 for e@f.example",
    )
    assert first == second == "0 0: queued as 0 at 0 for 0"


def test_words_make_a_new_kind_and_null_stays_null() -> None:
    assert _kinds("no such user", None) == ["no such user", None]


def test_every_row_keeps_its_place_and_its_type() -> None:
    text = exchanges({"text": "a"}, {"text": "b"})["text"].set_axis(pd.Index([5, 3]))
    assert kinds(text).equals(text)
    assert kinds(text.astype(object)).equals(text.astype(object))
