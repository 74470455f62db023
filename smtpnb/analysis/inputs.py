"""From what a user has at hand to the table an analysis needs.

A transcript makes every table; a frame is taken for the table it is.

This module knows nothing of what is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from smtpnb.analysis.frames import plain_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from smtpnb.transcript.events import Event, Excerpt, SavedTranscript, Transcript

    Source = Transcript | Excerpt | SavedTranscript | pd.DataFrame


def events_of(source: Source) -> list[Event]:
    """Return the events of a transcript, or of an events frame."""
    import pandas as pd  # loaded only when used

    from smtpnb.transcript.tables import event_values

    return event_values(source) if isinstance(source, pd.DataFrame) else list(source)


def table_of(
    source: Source, table: Literal["events", "exchanges", "sessions", "transactions"]
) -> pd.DataFrame:
    """Return one of the tables of a transcript, or a frame as it is."""
    import pandas as pd  # loaded only when used

    if isinstance(source, pd.DataFrame):
        return source
    made: pd.DataFrame = getattr(source, table)()
    return made


def rows_by_host(
    sessions: pd.DataFrame, columns: Iterable[str]
) -> dict[str, list[dict[str, Any]]]:
    """Return the sessions of each host, hosts in order of appearance.

    Args:
        sessions: A frame with the columns of `sessions()`.
        columns: The ones to return.

    Returns:
        For each host its rows by column, in order of time, None for null.
    """
    found: dict[str, list[dict[str, Any]]] = {
        str(host): [] for host in dict.fromkeys(sessions["host"])
    }
    ordered = sessions.sort_values("ts", kind="stable")
    rows = plain_rows(ordered[list(columns)])
    for host, row in zip(ordered["host"], rows, strict=True):
        found[str(host)].append(row)
    return found
