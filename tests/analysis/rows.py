"""Tables of schema v1 made of a few values, for the tests of analyses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtpnb.transcript import schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

SECOND = 1_000_000  # in the units of `ts`
T0 = 1_780_000_000 * SECOND


def exchanges(*rows: dict[str, Any]) -> pd.DataFrame:
    """Exchanges at mx.example, a second apart; a code gives its class."""
    return schema.build(schema.EXCHANGES, _filled(rows, _EXCHANGE))


def transactions(*rows: dict[str, Any]) -> pd.DataFrame:
    return schema.build(schema.TRANSACTIONS, _filled(rows, _TRANSACTION))


def sessions(*rows: dict[str, Any]) -> pd.DataFrame:
    return schema.build(schema.SESSIONS, _filled(rows, _SESSION))


def _filled(
    rows: Sequence[dict[str, Any]], defaults: dict[str, Any]
) -> list[dict[str, Any]]:
    filled = []
    for at, row in enumerate(rows):
        one = {**defaults, "ts": T0 + at * SECOND, **row}
        code = one.get("code")
        one.setdefault("code_class", None if code is None else code // 100)
        one.setdefault("exchange_no", at)
        filled.append(one)
    return filled


_EXCHANGE: dict[str, Any] = {
    "run_id": "run",
    "session_id": "session",
    "host": "mx.example",
    "step": "rcpt",
    "t_ms": 0.0,
    "tls": False,
    "pipelined": False,
    "timed_out": False,
}
_TRANSACTION: dict[str, Any] = {
    "run_id": "run",
    "session_id": "session",
    "transaction_no": 1,
    "recipient_no": 1,
    "host": "mx.example",
    "final_step": "rcpt",
    "attempt_key": "key",
}
_SESSION: dict[str, Any] = {
    "run_id": "run",
    "session_id": "session",
    "host": "mx.example",
    "port": 25,
    "outcome": "success",
}
