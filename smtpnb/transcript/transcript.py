"""A transcript: what happened on the connections of one client, whenever you ask.

`Transcript` holds the records by reference and reads them when asked, so it is never
out of date. A panel that paints what is new keeps a *cursor*, the number of log entries
it has seen (over all records, one record after the other: a client opens its next
connection only after the last one has ended), and asks `since(cursor)`: the answer is
an `Excerpt`, which no longer grows and carries the next cursor.

This module knows nothing of sockets or of the meaning of an entry (`derive`), and it
imports pandas only inside the methods that return a frame.
"""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

from smtpnb.transcript import text as views
from smtpnb.transcript.intern import Shapes
from smtpnb.transcript.log import ROW, Derivation, Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import pandas as pd

    from smtpnb.transcript.tables.growing import Mark
    from smtpnb.wire.record import Record

__all__ = ["Event", "Excerpt", "SavedTranscript", "Transcript", "events", "load"]


def events(record: Record) -> list[Event]:
    """Return the events of one record, in order."""
    derivation = Derivation(record, Shapes())
    derivation.advance()
    return list(derivation.events())


def of_one(events: Sequence[Event], session: int | str) -> list[Event]:
    """Return the events of one session.

    Args:
        events: Of any number of sessions, in order.
        session: Its number in order, -1 the last, or its session_id.

    Raises:
        LookupError: There is no such session.
    """
    names = list(dict.fromkeys(event.session_id for event in events))
    try:
        name = names[session] if isinstance(session, int) else session
    except IndexError:
        name = ""
    if name not in names:
        raise LookupError(f"no session {session!r} among {len(names)}")
    return [event for event in events if event.session_id == name]


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the collector of cycles away: it would walk a log again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Views(ABC):
    """What can be made of events, live or not. `len` and iteration are over events."""

    @abstractmethod
    def _events(self) -> Sequence[Event]:
        """What there is to see."""

    def _last(self, n: int) -> tuple[Sequence[Event], int]:
        """The last `n` events, and how many there are before them."""
        found = self._events()
        return found[-n:], max(len(found) - n, 0)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events())

    def __len__(self) -> int:
        return len(self._events())

    def __bool__(self) -> bool:
        # A transcript in which nothing happened yet is still a transcript.
        return True

    def events(self) -> pd.DataFrame:
        """Return one row for each event (`schema.EVENTS`)."""
        from smtpnb.transcript import tables  # loads pandas

        return tables.events_frame(self._events())

    def exchanges(self) -> pd.DataFrame:
        """Return one row for each command and its reply (`schema.EXCHANGES`)."""
        from smtpnb.transcript import tables  # loads pandas

        return tables.make("exchanges", self.events())

    def transactions(self) -> pd.DataFrame:
        """Return one row for each recipient (`schema.TRANSACTIONS`)."""
        from smtpnb.transcript import tables  # loads pandas

        return tables.make("transactions", self.events())

    def sessions(self) -> pd.DataFrame:
        """Return one row for each connection (`schema.SESSIONS`)."""
        from smtpnb.transcript import tables  # loads pandas

        return tables.make("sessions", self.events())

    def text(self, *, times: bool = False) -> str:
        """Return the whole dialogue as text, in swaks' hints (see `views`).

        `print(transcript)` shows the end of it.

        Args:
            times: Begin each line with the milliseconds since its session began.
        """
        return views.text(self._events(), times=times)

    def session(self, which: int | str = -1) -> Excerpt:
        """Return one session, as it is now.

        Args:
            which: Its number in order, -1 the last, or its session_id.

        Raises:
            LookupError: There is no such session.
        """
        return Excerpt(of_one(self._events(), which), 0)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the events to a file that `load` reads.

        Args:
            path: A name that ends in ".parquet" or ".jsonl". The file will be
                readable by its owner only.
            overwrite: Replace the file if there is one.

        Returns:
            The path.

        Raises:
            FileExistsError: The file exists, or is no regular file.
            ValueError: Another suffix.
        """
        from smtpnb.transcript.store import files  # loads pyarrow

        return files.save(self.events(), path, overwrite=overwrite)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Give the events to polars, DuckDB, pyarrow and others, without pandas."""
        from smtpnb.transcript.store import files  # loads pyarrow

        return files.arrow_of(self.events()).__arrow_c_stream__(requested_schema)

    def __str__(self) -> str:
        last, before = self._last(views.MAX_EVENTS)
        return views.text(last, before=before)

    def _repr_html_(self) -> str:
        last, before = self._last(views.MAX_EVENTS)
        return views.html(last, before=before)


class Excerpt(Views):
    """A part of a transcript as it was at one moment.

    Attributes:
        cursor: How many log entries had been seen then; for the next `since`. 0 if
            it is one session.
    """

    def __init__(self, events: Sequence[Event], cursor: int) -> None:
        self._held = events
        self.cursor = cursor

    def _events(self) -> Sequence[Event]:
        return self._held

    def __repr__(self) -> str:
        upto = f", up to log entry {self.cursor}" if self.cursor else ""
        return f"<Excerpt: {len(self._held)} events{upto}>"


class SavedTranscript(Views):
    """A transcript that was read from a file: as it was, and it no longer grows.

    Args:
        frame: An events frame (`schema.EVENTS`), ours or as pandas, polars, DuckDB or
            pyarrow hold it.

    Raises:
        ValueError: It is no events frame.

    Example:
        >>> path = client.transcript.save("monday.jsonl")
        >>> load(path).text() == client.transcript.text()
        True
    """

    def __init__(self, frame: Any) -> None:
        from smtpnb.transcript import door  # loads pandas

        self._frame = door.coerce("events", frame)
        self._held: list[Event] | None = None

    def events(self) -> pd.DataFrame:
        """Return one row for each event (`schema.EVENTS`)."""
        return self._frame.copy(deep=False)

    def _events(self) -> Sequence[Event]:
        if self._held is None:
            from smtpnb.transcript import tables  # loads pandas

            self._held = tables.event_values(self._frame)
        return self._held

    def _last(self, n: int) -> tuple[Sequence[Event], int]:
        from smtpnb.transcript import tables  # loads pandas

        last = tables.event_values(self._frame.iloc[-n:])
        return last, len(self) - len(last)

    def __len__(self) -> int:
        return len(self._frame)

    def __repr__(self) -> str:
        sessions = self._frame["session_id"].nunique()
        return f"<SavedTranscript: {sessions} sessions, {len(self)} events>"


def load(path: str | Path) -> SavedTranscript:
    """Read a transcript that was saved.

    Args:
        path: A ".parquet" or ".jsonl" file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no transcript of smtpnb, of another version of the schema,
            or larger than any honest one.

    Example:
        >>> path = client.transcript.save("monday.parquet")
        >>> len(load(path)) == len(client.transcript)
        True
    """
    from smtpnb.transcript.store import files  # loads pyarrow

    return SavedTranscript(files.load(path))


def concat(sources: Iterable[Any]) -> Any:
    """Put transcripts, or tables of one kind, together.

        smtpnb.concat([load("postfix.jsonl"), load("dovecot.jsonl")]).exchanges()

    Args:
        sources: Transcripts and frames of events; or frames of one of the tables, as
            we made them or as pandas, polars, DuckDB or pyarrow hold them.

    Returns:
        A `SavedTranscript` if any of them is a transcript, else a frame. An event
        that is there twice counts once.

    Raises:
        ValueError: There is none, or they are of different tables.

    Example:
        >>> other = SmtpClient()
        >>> other.connect(sandbox).ok
        True
        >>> both = concat([client.transcript, other.transcript])
        >>> len(both.sessions())
        2
    """
    from smtpnb.transcript import door  # loads pandas

    found = list(sources)
    told = [isinstance(each, Views) for each in found]
    frames = [
        each.events() if isinstance(each, Views) else door.as_frame(each)
        for each in found
    ]
    kinds = {door.kind_of(frame) for frame in frames}
    if len(kinds) != 1 or None in kinds:
        names = ", ".join(sorted(str(kind) for kind in kinds)) or "nothing"
        raise ValueError(f"these are no tables of one kind: {names}")
    (kind,) = kinds
    frame = door.concat(frames, str(kind))
    return SavedTranscript(frame) if any(told) else frame


class Transcript(Views):
    """What happened on the connections of one client.

    It may be read while another thread appends to the records: each reading sees the
    entries that were complete when it began.

    Args:
        records: The records, by reference: connections added later are seen.

    Example:
        >>> client.transcript.exchanges()["verb"].dropna().to_list()
        ['EHLO']
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._derived: list[Derivation] = []
        self._seen: list[int] = []  # of each record, how many entries were read
        self._n_events = 0
        self._known: tuple[list[Mark], pd.DataFrame | None] = [], None
        self._shapes = Shapes()
        self._lock = Lock()  # two readers; writers need none

    @property
    def cursor(self) -> int:
        """How many log entries there are, over all records."""
        return sum(len(record.log) for record in list(self._records))

    def since(self, n: int) -> Excerpt:
        """Return the events of all log entries but the first `n`.

        The cost is that of the new entries, not of the old ones.

        Args:
            n: How many log entries were seen before: 0, or an earlier cursor.
        """
        return Excerpt(*self._since(n))

    def _since(self, n: int) -> tuple[list[Event], int]:
        with self._lock:
            self._advance()
            new: list[Event] = []
            passed = 0
            for derivation in self._derived:
                seen = n - passed
                passed += derivation.n_entries
                if n < passed:
                    new += derivation.events(derivation.start(max(seen, 0)))
            return new, passed

    def events(self) -> pd.DataFrame:
        """Return one row for each event (`schema.EVENTS`)."""
        from smtpnb.transcript.tables import events  # loads pandas

        with _no_collection():
            with self._lock:
                self._advance()
                parts = [(each.record, bytes(each.rows)) for each in self._derived]
            return events.frame_of_records(parts, self._shapes)

    def exchanges(self) -> pd.DataFrame:
        """Return one row for each command and its reply (`schema.EXCHANGES`).

        The cost is that of the exchanges since the last call: those that were complete
        by then are not made again. A frame that was handed out never changes.
        """
        from smtpnb.transcript import door  # loads pandas
        from smtpnb.transcript.tables import growing

        with _no_collection(), self._lock:
            self._advance()
            done, known = self._known
            if known is None or not growing.holds(self._derived, done):
                done, known = [], self._exchanges([])
            now = growing.marks(self._derived, done)
            if more := growing.between(self._derived, done, now):
                new = self._exchanges(more)
                known = door.concat([known, new], "exchanges") if len(known) else new
            self._known = now, known
            rest = growing.between(self._derived, now)
            both = [known, self._exchanges(rest)] if rest else [known]
            return door.concat(both, "exchanges")

    def _exchanges(self, parts: Sequence[tuple[Record, bytes]]) -> pd.DataFrame:
        """Return the exchanges of some rows of each session."""
        from smtpnb.transcript import tables  # loads pandas
        from smtpnb.transcript.tables import events

        return tables.make("exchanges", events.frame_of_records(parts, self._shapes))

    def session(self, which: int | str = -1) -> Excerpt:
        """Return one session, as it is now.

        Args:
            which: Its number in order, -1 the last, or its session_id.

        Raises:
            LookupError: There is no such session.
        """
        with self._lock:
            self._advance()
            found = [each for each in self._derived if each.rows]
            if isinstance(which, str):
                found = [each for each in found if each.record.session_id == which]
            at = 0 if isinstance(which, str) else which
            if not -len(found) <= at < len(found):
                n = sum(1 for each in self._derived if each.rows)
                told = "" if n else ": nothing was recorded"
                raise LookupError(f"no session {which!r} among {n}{told}")
            return Excerpt(list(found[at].events()), 0)

    def _last(self, n: int) -> tuple[Sequence[Event], int]:
        with self._lock:
            self._advance()
            last: list[Event] = []
            for each in reversed(self._derived):
                start = max(len(each.rows) - (n - len(last)) * ROW.size, 0)
                last = [*each.events(start), *last]
                if len(last) >= n:
                    break
            return last, self._n_events - len(last)

    def __len__(self) -> int:
        with self._lock:
            self._advance()
            return self._n_events

    def _events(self) -> Sequence[Event]:
        return self._since(0)[0]

    def _advance(self) -> None:
        try:
            sizes = [len(record.log) for record in list(self._records)]
            # Of many sessions nearly all have ended: a look at their sizes is enough.
            for index, size in enumerate(sizes):
                if index == len(self._derived):
                    made = Derivation(self._records[index], self._shapes)
                    self._derived.append(made)
                    self._seen.append(0)
                if size > self._seen[index]:
                    each = self._derived[index]
                    before = len(each.rows)
                    each.advance()
                    self._n_events += (len(each.rows) - before) // ROW.size
                    self._seen[index] = each.n_entries
        except BaseException:
            # Interrupted between two entries: the next reader begins afresh.
            self._derived.clear()
            self._seen.clear()
            self._n_events = 0
            self._known = [], None
            raise

    def __repr__(self) -> str:
        records = list(self._records)
        return f"<Transcript: {len(records)} sessions, {self.cursor} log entries>"

    def __reduce__(self) -> tuple[type[Transcript], tuple[list[Record]]]:
        return Transcript, (list(self._records),)
