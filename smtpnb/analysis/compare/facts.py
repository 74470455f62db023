"""What one side of a comparison tells: facts that should stay, for each server.

Each fact of all servers is found at once, by grouping the tables; only what is shown
becomes a Python value. Texts are settled (`volatile`) once for each that differs.

This module knows nothing of the other side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import numpy as np
import pandas as pd

from smtpnb.analysis.compare.volatile import Names, is_name, settle, word_of
from smtpnb.analysis.frames import plain_rows
from smtpnb.analysis.hosts.capabilities import AFTER, Offer, offered
from smtpnb.analysis.inputs import table_of
from smtpnb.analysis.replies.classify import classify
from smtpnb.analysis.replies.kinds import kinds
from smtpnb.analysis.required import required
from smtpnb.transcript.tables import several

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smtpnb.analysis.inputs import Source

_TLS: Final = (
    "tls_mode",
    "tls_version",
    "tls_cipher",
    "tls_verified",
    "cert_issuer",
    "cert_key",
    "cert_not_after",
)
Key = tuple[Any, ...]


class Fact(NamedTuple):
    """One thing of one side.

    Attributes:
        text: As words.
        number: As a number, if it is one.
        n: From how many samples it is; 0: it is no statistic.
    """

    text: str
    number: float | None = None
    n: int = 0


Facts = dict[str, Fact]
NOTHING: Final = Fact("")


class Side:
    """The facts of all servers of one side.

    Args:
        source: A transcript, or a frame of its `events()`.
        by: The columns of its sessions that say which server it is.

    Attributes:
        keys: The values of `by`, of each server in order of appearance.

    Raises:
        KeyError: There is no such column.
    """

    def __init__(self, source: Source, by: Sequence[str]) -> None:
        events = required(table_of(source, "events"), ("session_id", "event", "seq"))
        self._sessions, self._exchanges = several(events, "sessions", "exchanges")
        required(self._sessions, by)
        columns = [self._sessions[name].astype(object) for name in by]
        rows = list(zip(*columns, strict=True))
        known = ~np.array([any(map(pd.isna, row)) for row in rows], bool)
        which, keys = pd.factorize(pd.Index(rows, tupleize_cols=False))
        # What has no value there belongs to nobody.
        self._server: Any = np.where(known, which, -1) if rows else which
        self.keys: list[Key] = [tuple(_plain(v) for v in key) for key in keys]
        mine = np.append(self._server, -1)
        place = pd.Index(self._sessions["session_id"])
        self._of = mine[place.get_indexer(pd.Index(self._exchanges["session_id"]))]
        self._step = self._exchanges["step"].astype(object).to_numpy()
        self._reply = _named(self._exchanges)
        self._names = self._called()
        self._settled: dict[tuple[str, int], str] = {}

    # What stays, whoever wrote it

    def standing(self) -> list[Facts]:
        """How many sessions, software, TLS and extensions, of each server."""
        n = np.bincount(self._server[self._server >= 0], minlength=len(self.keys))
        found: list[Facts] = [
            {"sessions": Fact(str(each), each)} for each in n.tolist()
        ]
        for name in ("software", *_TLS):
            column = self._sessions[name]
            last = self._last(column.notna().to_numpy())
            values = column.astype(object).to_numpy()
            for server in np.flatnonzero(last >= 0).tolist():
                value = values[last[server]]
                day = f"{value:%Y-%m-%d}" if name == "cert_not_after" else str(value)
                found[server][name] = Fact(day)
        for server, offers in enumerate(self._offers()):
            found[server] |= _capabilities(offers)
        return found

    def _last(self, chosen: Any) -> Any:
        """For each server its last session of those chosen; -1 without one."""
        last = np.full(len(self.keys), -1)
        at = np.flatnonzero(chosen & (self._server >= 0))
        last[self._server[at]] = at
        return last

    def _offers(self) -> list[dict[str, Offer]]:
        sessions = self._sessions
        implicit = (
            (sessions["tls_mode"] == "implicit").fillna(value=False).to_numpy(bool)
        )
        first, second = (
            sessions[name].notna().to_numpy()
            for name in ("capabilities", "capabilities_tls")
        )
        telling = [self._last(m) for m in (first & ~implicit, first & implicit, second)]
        places = np.unique(np.concatenate(telling))
        places = places[places >= 0]
        columns = ["tls_mode", "capabilities", "capabilities_tls"]
        rows = plain_rows(sessions[columns].iloc[places])
        found: list[dict[str, Offer]] = [{} for _ in self.keys]
        for server, row in zip(self._server[places].tolist(), rows, strict=True):
            found[server] |= offered(row)
        return found

    def latencies(self) -> list[Facts]:
        """The median and the 95th percentile of each step, of each server.

        Replies to groups of commands queue, and are told apart.
        """
        known = (self._of >= 0) & self._exchanges["latency_ms"].notna().to_numpy()
        grouped = self._exchanges["pipelined"].fillna(value=False).to_numpy(bool)
        step = np.where(grouped, self._step + " grouped", self._step)
        frame = pd.DataFrame(
            {
                "server": self._of[known],
                "step": step[known],
                "ms": self._exchanges["latency_ms"].to_numpy(float)[known],
            }
        )
        groups = frame.groupby(["server", "step"], sort=False)["ms"]
        middle, high = (groups.quantile(q).round(3) for q in (0.5, 0.95))
        found: list[Facts] = [{} for _ in self.keys]
        rows = zip(
            *(middle.index.get_level_values(level).tolist() for level in (0, 1)),
            *(column.tolist() for column in (middle, high, groups.size())),
            strict=True,
        )
        for server, name, p50, p95, n in rows:
            found[server][f"p50_ms {name}"] = Fact(f"{p50:.3f}", p50, n)
            found[server][f"p95_ms {name}"] = Fact(f"{p95:.3f}", p95, n)
        return found

    # Replies, letter by letter or by their meaning

    def replies(self) -> list[Facts]:
        """How often each reply came at each step, and its words, of each server."""
        found = self._counted(self._reply)
        for server, step, reply, text in self._usual_texts():
            found[server][f"text {step} {reply}"] = Fact(self._settle(text, server))
        return found

    def meanings(self, servers: Sequence[int]) -> dict[int, Facts]:
        """How often each step was accepted, or refused for what reason.

        Two makes of server have other codes and other words for the same.
        """
        mine = np.isin(self._of, servers)
        judged = classify(self._exchanges[mine])
        meaning = np.full(len(self._of), "", object)
        columns = (judged[name].astype(object) for name in ("code", "reason"))
        meaning[mine] = [_meaning(*row) for row in zip(*columns, strict=True)]
        found = self._counted(meaning, mine)
        return {server: found[server] for server in servers}

    def _counted(self, reply: Any, chosen: Any = None) -> list[Facts]:
        """Count what came at each step, as a share of what came there."""
        mine = self._of >= 0 if chosen is None else chosen & (self._of >= 0)
        rows = pd.DataFrame(
            {"server": self._of[mine], "step": self._step[mine], "reply": reply[mine]}
        )
        totals = rows.groupby(["server", "step"], sort=False).size().to_dict()
        counts = rows.groupby(["server", "step", "reply"], sort=False).size().to_dict()
        found: list[Facts] = [{} for _ in self.keys]
        for key, n in counts.items():
            server, step, name = cast("tuple[int, str, str]", key)
            total = totals[server, step]
            share = Fact(f"{n} of {total}", n / total, total)
            found[server][f"reply {step} {name}"] = share
        return found

    def _usual_texts(self) -> Iterator[tuple[int, str, str, str]]:
        """The words that came most often with each reply; of EHLO, see capabilities."""
        text = self._exchanges["text"]
        mine = (self._of >= 0) & text.notna().to_numpy() & (self._step != "ehlo")
        rows = pd.DataFrame(
            {
                "server": self._of[mine],
                "step": self._step[mine],
                "reply": self._reply[mine],
                "kind": kinds(text[mine]).astype(object).to_numpy(),
                "text": text[mine].astype(object).to_numpy(),
            }
        )
        by = ["server", "step", "reply"]
        usual = rows.merge(_most_common(rows, by, "kind"), on=[*by, "kind"])
        usual = _most_common(usual, by, "text")
        yield from zip(*(usual[name].tolist() for name in (*by, "text")), strict=True)

    # Names

    def _settle(self, text: str, server: int) -> str:
        key = text, server
        if key not in self._settled:
            self._settled[key] = settle(text, self._names[server])
        return self._settled[key]

    def _called(self) -> list[Names]:
        """By which names each server and its clients go (`volatile.names_of`)."""
        hosts: list[set[str]] = [set() for _ in self.keys]
        clients: list[set[str]] = [set() for _ in self.keys]
        for server, host in set(
            zip(
                self._server.tolist(),
                self._sessions["host"].astype(object),
                strict=True,
            )
        ):
            if server >= 0:
                hosts[server].add(str(host))
        asked = np.isin(self._step, ("greeting", "ehlo")) & (self._of >= 0)
        few = self._exchanges[["text", "argument"]][asked].astype(object)
        few = few.where(few.notna(), "")
        rows = zip(
            self._of[asked].tolist(), self._step[asked], few["text"], few["argument"],
            strict=True,
        )  # fmt: skip
        for server, step, text, argument in rows:
            word = word_of(text)
            if word and (step == "ehlo" or is_name(word, text)):
                hosts[server].add(word)
            if step == "ehlo":
                clients[server].add(argument.strip("[]"))
        both = {"", "localhost"}
        return [
            Names(frozenset(own - both), frozenset(theirs - both - own))
            for own, theirs in zip(hosts, clients, strict=True)
        ]


def _most_common(rows: pd.DataFrame, by: list[str], name: str) -> pd.DataFrame:
    """For each group the value that came most often; the first of several."""
    sizes = rows.groupby([*by, name], sort=False).size().rename("n").reset_index()
    ranked = sizes.sort_values("n", ascending=False, kind="stable")
    return ranked.drop_duplicates(by)[[*by, name]]


def _capabilities(offers: dict[str, Offer]) -> Facts:
    facts: Facts = {}
    for phase, offer in offers.items():
        where = " after TLS" if phase == AFTER else ""
        for word, parameters in sorted(offer.items()):
            number = float(parameters) if parameters.isdecimal() else None
            facts[f"capability {word}{where}"] = Fact(parameters or "yes", number)
    return facts


def _named(exchanges: pd.DataFrame) -> Any:
    """Code and enhanced status code of each exchange, or "none"."""
    codes, enhanced = (
        exchanges[name].astype(object).where(exchanges[name].notna(), None)
        for name in ("code", "enhanced")
    )
    known: dict[tuple[Any, Any], str] = {}
    named = np.empty(len(exchanges), object)
    for place, pair in enumerate(zip(codes, enhanced, strict=True)):
        if pair not in known:
            code, more = pair
            known[pair] = "none" if code is None else f"{code} {more or ''}".strip()
        named[place] = known[pair]
    return named


def _meaning(code: Any, reason: Any) -> str:
    if pd.isna(code):
        return "none"
    if code < 400:
        return "accepted"
    word = "refused for now" if code < 500 else "refused"
    if reason is None or reason == "undefined" or pd.isna(reason):
        return word
    return f"{word}: {reason}"


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
