"""Who was spoken to: a host and a port. Two ports of one host are two services.

Port 25 takes mail from strangers and port 587 wants AUTH (RFC 6409), so that what one
of them offers, or how long it takes, says nothing about the other.

This module knows nothing of what is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis.frames import plain_rows
from smtpnb.analysis.required import required

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

ENDPOINT: Final = ("host", "port")


def keys_of(by: str | Sequence[str]) -> list[str]:
    """Return the columns to group by: one may stand alone."""
    return [by] if isinstance(by, str) else [*by]


def rows_by_endpoint(
    sessions: pd.DataFrame, columns: Iterable[str]
) -> dict[tuple[str, int | None], list[dict[str, Any]]]:
    """Return the sessions with each host and port, in order of appearance.

    Args:
        sessions: A frame with the columns of `sessions()`.
        columns: The ones to return.

    Returns:
        For each host and port its rows by column, in order of time, None for null.
    """
    required(sessions, (*ENDPOINT, "ts"))
    ends = ends_of(sessions)
    found: dict[tuple[str, int | None], list[dict[str, Any]]] = {
        end: [] for end in dict.fromkeys(ends)
    }
    ordered = sessions.sort_values("ts", kind="stable")
    # A column that no session has is null.
    rows = plain_rows(ordered.reindex(columns=list(columns)))
    for end, row in zip(ends_of(ordered), rows, strict=True):
        found[end].append(row)
    return found


def ends_of(frame: pd.DataFrame) -> list[tuple[str, int | None]]:
    """Return the host and port of each row; None where the port is not known."""
    rows = plain_rows(frame[list(ENDPOINT)])
    return [(str(row["host"]), row["port"]) for row in rows]


def labels(ends: Sequence[tuple[str, int | None]]) -> list[str]:
    """Name endpoints for a picture: the host, and the port where it has several."""
    ports: dict[str, set[int | None]] = {}
    for host, port in ends:
        ports.setdefault(host, set()).add(port)
    return [f"{host}:{port}" if len(ports[host]) > 1 else host for host, port in ends]
