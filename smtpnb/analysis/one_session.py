"""One session of many, without making values of all the others.

This module knows nothing of what is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smtpnb.analysis.inputs import Source
    from smtpnb.transcript.log import Event


def events_of_one(source: Source, session: int | str) -> list[Event]:
    """Return the events of one session.

    Args:
        source: A transcript, or a frame of its `events()`.
        session: Its number in order, -1 the last, or its session_id.

    Raises:
        LookupError: There is no such session.
    """
    from smtpnb.analysis.inputs import table_of
    from smtpnb.analysis.required import required
    from smtpnb.transcript import Excerpt, Transcript
    from smtpnb.transcript.tables import event_values

    if isinstance(source, (Transcript, Excerpt)):
        return list(source.session(session))
    frame = required(table_of(source, "events"), ("session_id", "event", "seq"))
    names = frame["session_id"].unique()
    if isinstance(session, int):
        if not -len(names) <= session < len(names):
            told = "" if len(names) else ": nothing was recorded"
            raise LookupError(f"no session {session} among {len(names)}{told}")
        session = names[session]
    mine = frame[frame["session_id"] == session]
    if mine.empty:
        raise LookupError(f"no session {session!r} among {len(names)}")
    return event_values(mine)
