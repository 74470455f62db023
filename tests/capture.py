"""Capture the transcripts that notebooks/02-analyse.ipynb asks: `make capture`.

Four real servers, each on loopback and asked the questions of `conformance`; and what a
postmaster has who looks at three hosts for two days, played by three sandboxes with
faults on order. The dice are seeded and the delays real. Three things are made up: the
names of the hosts, which a resolver of our own maps onto loopback; the ports of the two
days, 25 each; and their wall clock, where a session begins every 24 minutes instead of
at once.

Not a part of `make test`: it needs the servers, and root to start them.
"""

from __future__ import annotations

import shutil
import socket
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unittest import mock

from smtpnb import (
    Fault,
    Plain,
    Sandbox,
    SmtpClient,
    SmtpError,
    TlsPolicy,
    conformance_in_parts,
)
from smtpnb.transcript.store import files as store
from tests.servers.dovecot import PASSWORD, running_dovecot
from tests.servers.postfix import running_postfix
from tests.servers.process import free_port, running
from tests.servers.smtp_sink import running_sink

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

HERE: Final = Path(__file__).parent.parent / "notebooks" / "data"
ME: Final = "client.example"
MESSAGE: Final = "From: <ann@client.example>\nSubject: hello\n\nfrom a probe\n"
_PLACES: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
# aiosmtpd greets with the name of the machine; this one has none.
_AIOSMTPD: Final = (
    "import socket; socket.getfqdn = lambda *_: 'aiosmtpd.example';"
    "from aiosmtpd.main import main; main()"
)


@contextmanager
def _names() -> Iterator[None]:
    """Resolve every name below .example to this machine's loopback address."""
    ask = socket.getaddrinfo

    def answer(host: Any, *rest: Any, **more: Any) -> Any:
        known = isinstance(host, str) and host.endswith(".example")
        # A name is no number, and must not be taken for one.
        numeric = more.get("flags", 0) & socket.AI_NUMERICHOST
        return ask("127.0.0.1" if known and not numeric else host, *rest, **more)

    with mock.patch("socket.getaddrinfo", answer):
        yield


def _save(name: str, events: pd.DataFrame) -> None:
    path = store.save(events, HERE / name, overwrite=True)
    path.chmod(0o644)
    sys.stdout.write(f"{path.name}: {len(events)} events, {path.stat().st_size} B\n")


def _ask(
    client: SmtpClient,
    name: str,
    port: int,
    ca: str | None = None,
    user: Plain | None = None,
) -> None:
    """Ask a server, inside TLS if it has a CA."""

    def connect() -> SmtpClient:
        client.connect(name, port)
        client.ehlo(ME)
        if ca is not None:
            client.starttls(ca=ca)
            client.ehlo(ME)
        if user is not None:
            client.auth(user)
        return client

    conformance_in_parts(connect, identity=ME, sender=f"ann@{ME}", rude=True)


def four_servers() -> None:
    """Ask Postfix, Dovecot, smtp-sink and aiosmtpd, and save what they said."""
    programs = {
        name: shutil.which(name, path=_PLACES) or name
        for name in ("postfix", "dovecot", "smtp-sink")
    }
    port = free_port()
    aiosmtpd = [sys.executable, "-c", _AIOSMTPD, "-n", "-l", f"127.0.0.1:{port}"]
    clients = {name: SmtpClient() for name in (*programs, "aiosmtpd")}
    with running_postfix(programs["postfix"], "postfix.example") as postfix:
        _ask(clients["postfix"], "postfix.example", postfix.port, postfix.ca)
    with (
        running_sink(programs["smtp-sink"]) as sink,
        running_dovecot(programs["dovecot"], sink, "dovecot.example") as dovecot,
    ):
        _ask(clients["smtp-sink"], "smtp-sink.example", sink)
        ann = Plain("ann", PASSWORD)
        _ask(clients["dovecot"], "dovecot.example", dovecot.port, dovecot.ca, ann)
    with running([*aiosmtpd, "-c", "aiosmtpd.handlers.Sink"], port):
        _ask(clients["aiosmtpd"], "aiosmtpd.example", port)
    for name, client in clients.items():
        _save(f"{name}.jsonl", client.transcript.events())


class Host(NamedTuple):
    """One host on one day.

    Attributes:
        name: What it is called.
        faults: What it does wrong.
        out: The sessions, by number, at which nobody listens.
        tls: Whether it offers STARTTLS.
        size: The largest message, in octets.
    """

    name: str
    faults: tuple[Fault, ...]
    out: range = range(0)
    tls: bool = True
    size: int = 33_554_432


_NOBODY: Final = Fault("rcpt", "nobody*", reply="550 5.1.1 No such user here")
_GREYLISTED: Final = tuple(
    Fault(
        "rcpt",
        f"user{n}@*",
        reply="450 4.2.0 Greylisted, please try again in 300 seconds",
        times=1,
    )
    for n in range(2, 60, 4)
)
_TOO_MUCH: Final = Fault(
    "mail",
    reply="450 4.7.28 Too many messages from your address, slow down",
    probability=0.12,
)


def _pace(seconds: float) -> tuple[Fault, ...]:
    """How fast a host is: any of six delays, and now and then a long one."""
    return (
        Fault("*", delay=seconds * 12, probability=0.01),
        *(
            Fault("*", delay=seconds * 1.25**n, probability=1 / (6 - n))
            for n in range(6)
        ),
    )


MONDAY: Final = (
    Host("mx1.example", (_NOBODY, *_pace(0.002))),
    Host("mx2.example", (_NOBODY, *_GREYLISTED, *_pace(0.004))),
    Host("mx3.example", (_NOBODY, _TOO_MUCH, *_pace(0.006))),
)
TUESDAY: Final = (
    # After an upgrade: no STARTTLS any more, and smaller messages.
    Host("mx1.example", (_NOBODY, *_pace(0.002)), tls=False, size=10_485_760),
    # A scanner that thinks about every message.
    Host(
        "mx2.example",
        (_NOBODY, *_GREYLISTED, Fault("eod", delay=0.12), *_pace(0.004)),
    ),
    # Out for two hours; then it found us on a list, and sometimes says nothing.
    Host(
        "mx3.example",
        (
            _NOBODY,
            Fault("rcpt", "user5?@*", stall=True, times=2),
            Fault(
                "rcpt",
                "user[345]?@*",
                reply="554 5.7.1 Service unavailable; client host blocked "
                "using dnsbl.example",
                probability=0.4,
            ),
            *_pace(0.006),
        ),
        out=range(25, 30),
    ),
)
SESSIONS: Final = 60
_MINUTES: Final = 24  # between two sessions; sixty of them are a day
_ONE_AT_A_TIME: Final = Lock()


def _sandbox(host: Host, seed: int) -> Sandbox:
    """Start a sandbox that goes by the name of the host."""
    with _ONE_AT_A_TIME, mock.patch("smtpnb.sandbox.server.HOSTNAME", host.name):
        return Sandbox(
            tls="starttls" if host.tls else "none",
            faults=host.faults,
            seed=seed,
            size=host.size,
        )


def _day(host: Host, seed: int) -> pd.DataFrame:
    """Send a message a session, and again later what was refused for now."""
    waiting: deque[tuple[int, int]] = deque()
    with (
        _sandbox(host, seed) as sandbox,
        SmtpClient(tls=TlsPolicy(ca=sandbox.ca)) as client,
    ):
        for at in range(SESSIONS):
            due = waiting and waiting[0][0] <= at
            user = waiting.popleft()[1] if due else at
            port = free_port() if at in host.out else sandbox.port
            if _refused_for_now(client, host, port, user):
                waiting.append((at + 2, user))
        return _apart(client.transcript.events())


def _refused_for_now(client: SmtpClient, host: Host, port: int, user: int) -> bool:
    name = "nobody" if user % 15 == 7 else "user"
    try:
        client.connect(host.name, port)
        client.ehlo(ME)
        if host.tls:
            client.starttls()
            client.ehlo(ME)
        replies = [client.mail_from(f"ann@{ME}")]
        if replies[-1].ok:
            there = f"{name}{user}@{host.name}"
            replies.append(client.rcpt_to(there, timeout=0.4))
        if replies[-1].ok:
            replies.append(client.data(MESSAGE))
        client.quit()
    except SmtpError:
        return False
    return replies[-1].code // 100 == 4


def _apart(events: pd.DataFrame, first: str = "2026-11-23 00:12") -> pd.DataFrame:
    """Move each session to its time of day; within it, time stays as it was."""
    import pandas as pd

    began = events["ts"] - pd.to_timedelta(events["t_ms"], unit="ms")
    starts = began.groupby(events["session_id"], sort=False).transform("min")
    number = events.groupby("session_id", sort=False).ngroup()
    begins = pd.Timestamp(first, tz="UTC") + pd.to_timedelta(
        number * _MINUTES, unit="min"
    )
    moved = events["ts"] - starts + begins
    return events.assign(ts=moved.astype(events["ts"].dtype))


def two_days() -> None:
    """Play two days of three hosts, and save them."""
    import pandas as pd

    days = {"monday": MONDAY, "tuesday": TUESDAY}
    for at, (name, hosts) in enumerate(days.items()):
        seeds = range(at * 10, at * 10 + len(hosts))
        with ThreadPoolExecutor(len(hosts)) as pool:
            parts = list(pool.map(_day, hosts, seeds))
        events = pd.concat(parts, ignore_index=True)
        events["ts"] += pd.Timedelta(days=at)
        events["port"] = events["port"].where(events["port"].isna(), 25)
        _save(f"{name}.parquet", events)


def main() -> None:
    """Capture everything."""
    HERE.mkdir(exist_ok=True)
    with _names():
        four_servers()
        two_days()


if __name__ == "__main__":
    main()
