"""From what a user has at hand to the table an analysis needs.

A transcript makes every table; a frame is taken for the table it is.

This module knows nothing of what is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


def exchanges_of(source: Source) -> pd.DataFrame:
    """Return the exchanges of a transcript, or the frame as it is."""
    import pandas as pd  # loaded only when used

    return source if isinstance(source, pd.DataFrame) else source.exchanges()


def sessions_of(source: Source) -> pd.DataFrame:
    """Return the sessions of a transcript, or the frame as it is."""
    import pandas as pd  # loaded only when used

    return source if isinstance(source, pd.DataFrame) else source.sessions()


def transactions_of(source: Source) -> pd.DataFrame:
    """Return the transactions of a transcript, or the frame as it is."""
    import pandas as pd  # loaded only when used

    return source if isinstance(source, pd.DataFrame) else source.transactions()


def rows_by_host(
    sessions: pd.DataFrame, columns: Iterable[str]
) -> dict[str, list[dict[str, Any]]]:
    """Return the sessions of each host, hosts in order of appearance.

    Args:
        sessions: A frame with the columns of `sessions()`.
        columns: The ones to return.

    Returns:
        For each host its rows as plain dictionaries, in order of time.
    """
    columns = list(columns)
    found: dict[str, list[dict[str, Any]]] = {
        str(host): [] for host in dict.fromkeys(sessions["host"])
    }
    ordered = sessions.sort_values("ts", kind="stable")
    values = zip(ordered["host"], *(ordered[name] for name in columns), strict=True)
    for host, *row in values:
        found[str(host)].append(dict(zip(columns, row, strict=True)))
    return found
