"""Ways to speak, crossed with questions and with holders: each says the same.

A dialogue takes place once with the sandbox. What became of it stands in the table
below; every question tells that, whoever holds the events: the live transcript, a file,
a frame, or a table of another library.
"""

from __future__ import annotations

from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd
import pytest

import smtpnb
from smtpnb import Control, ProxyHeader, Sandbox, SmtpClient, SmtpError, Transcript
from smtpnb.analysis import (
    anomalies,
    capabilities,
    classify,
    compare,
    explain,
    latency,
    latency_ecdf,
    lint,
    reply_codes,
    report,
    retries,
    slo,
    slowest,
    timeline,
    tls_posture,
    waterfall,
)
from smtpnb.analysis.required import LacksColumns
from smtpnb.transcript import Excerpt, tables
from tests.transcript.test_door import HOLDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

SENDER: Final = "ann@client.example"
PATHS: Final = ["a@x.example", "over@x.example", "no@x.example", "d@x.example"]
CONTENT: Final = b"Subject: x\r\n\r\nhello\r\n"
URL: Final = "imap://h.example/s;uid=1;urlauth=submit+ann:internal:91354a473744909de61"
TO_RAW: Final = (
    b"MAIL FROM:<ann@client.example>\r\n",
    b"RCPT TO:<a@x.example>\r\n",
    b"DATA\r\n",
)


def _to(*numbers: int) -> list[str]:
    return [PATHS[number] for number in numbers]


def send(client: SmtpClient, *, numbers: tuple[int, ...] = (0,), **how: Any) -> None:
    client.send(CONTENT, SENDER, _to(*numbers), **how)


def all_four(client: SmtpClient) -> None:
    send(client, numbers=(0, 1, 2, 3))


def prdr(client: SmtpClient) -> None:
    client.ehlo()
    send(client, numbers=(0, 1, 2, 3), prdr=True)


def envelope(client: SmtpClient) -> None:
    client.ehlo()
    client.mail_from(SENDER)
    client.rcpt_to(PATHS[0])


def lock_step(client: SmtpClient) -> None:
    envelope(client)
    client.data(CONTENT)


def chunks(client: SmtpClient) -> None:
    envelope(client)
    client.bdat(CONTENT)
    client.bdat(CONTENT, last=True)


def burl(client: SmtpClient) -> None:
    login(client)
    client.mail_from(SENDER)
    client.rcpt_to(PATHS[0])
    client.burl(URL, last=True)


def raw(client: SmtpClient) -> None:
    client.ehlo()
    for octets in (*TO_RAW, CONTENT + b".\r\n"):
        client.raw(octets)
        client.read_reply()


def raw_group(client: SmtpClient) -> None:
    client.ehlo()
    client.raw(b"".join(TO_RAW))
    for _ in TO_RAW:
        client.read_reply()
    client.raw(CONTENT + b".\r\n")
    client.read_reply()


def two_in_groups(client: SmtpClient) -> None:
    client.send_all([(SENDER, _to(0, 2), CONTENT), (SENDER, _to(3), CONTENT)])


def xclient(client: SmtpClient) -> None:
    envelope(client)
    client.rset()
    client.xclient(name="spike.example", addr="192.0.2.9")
    lock_step(client)


def login(client: SmtpClient) -> None:
    client.ehlo()
    client.auth("login", "ann", "no", allow_cleartext_auth=True)
    client.auth("cram-md5", "ann", "pw", allow_cleartext_auth=True)


def logged_in(client: SmtpClient) -> None:
    login(client)
    send(client)


def lax(client: SmtpClient) -> None:
    client.ehlo()
    client.lax = {"order"}
    client.rcpt_to(PATHS[0])
    client.data(CONTENT)


def starttls(client: SmtpClient) -> None:
    client.ehlo()
    client.starttls()
    client.ehlo()
    send(client)


def controlled(**how: Any) -> Callable[[SmtpClient], None]:
    return lambda client: send(client, control=Control(**how))


class Way(NamedTuple):
    """A way to speak, and what became of it.

    Attributes:
        speak: What the client does between connect and QUIT.
        outcomes: Of the recipients, in order.
        sizes: Of the content, for each recipient; None: null.
        says: How `explain` begins, behind the host.
        counted: How many things `slo` counts, and how many are good.
        sandbox: How the sandbox is made.
        connect: How the client connects.
    """

    speak: Callable[[SmtpClient], None]
    outcomes: list[str]
    sizes: Sequence[int | None]
    says: str
    counted: tuple[int, int]
    sandbox: Mapping[str, Any] = MappingProxyType({})
    connect: Mapping[str, Any] = MappingProxyType({})


EACH: Final = ["delivered", "rejected", "rejected", "delivered"]
ONE: Final = ["delivered"]
FULL: Final = " refused the recipient <over@x.example>: the mailbox is full"
TAKEN: Final = " accepted the message."
BROKEN: Final = " refused nothing, and the message was broken off here."
LOGIN: Final = {"auth": {"ann": "pw"}, "auth_without_tls": True}
NOT_WAITED: Final = (
    ": the connection was closed here before it answered, at the end of the message."
)

WAYS: Final = {
    "LMTP": Way(all_four, EACH, [21] * 4, FULL, (4, 2), {"protocol": "lmtp"}),
    "PRDR": Way(prdr, EACH, [21] * 4, FULL, (4, 2), {"prdr": True}),
    "lock-step": Way(lock_step, ONE, [21], TAKEN, (1, 1)),
    "BDAT": Way(chunks, ONE, [42], TAKEN, (1, 1)),
    "BURL": Way(
        *(burl, ONE, [None], " refused the authentication", (1, 1)),
        {**LOGIN, "urls": {URL: CONTENT}},
    ),
    "raw": Way(raw, ONE, [21], TAKEN, (1, 1)),
    "raw group": Way(raw_group, ONE, [21], TAKEN, (1, 1)),
    "groups": Way(
        *(two_in_groups, ["delivered", "rejected", "delivered"], [21] * 3),
        *(" refused the recipient <no@x.example>", (3, 2)),
    ),
    "XCLIENT": Way(xclient, ["aborted", *ONE], [None, 21], TAKEN, (1, 1)),
    "PROXY": Way(
        *(send, ONE, [21], TAKEN, (1, 1), {"proxy_protocol": True}),
        {"proxy": ProxyHeader("192.0.2.1:5000", "192.0.2.2:25")},
    ),
    "AUTH": Way(logged_in, ONE, [21], " refused the authentication", (1, 1), LOGIN),
    "TLS": Way(starttls, ONE, [21], TAKEN, (1, 1)),
    "lax": Way(lax, [], [], " refused the message", (1, 1)),
    "stop after RCPT": Way(
        controlled(stop_after="rcpt"), ["aborted"], [None], BROKEN, (0, 0)
    ),
    "drop after RCPT": Way(
        controlled(drop_after="rcpt"), ["aborted"], [None], BROKEN, (0, 0)
    ),
    "drop in RCPT": Way(
        controlled(drop_after_send="rcpt"), ["aborted"], [None], BROKEN, (0, 0)
    ),
    "drop in content": Way(controlled(octets=5), ["aborted"], [5], BROKEN, (0, 0)),
    "drop behind 354": Way(
        controlled(drop_after="data"), ["aborted"], [None], BROKEN, (0, 0)
    ),
    "drop at the dot": Way(
        controlled(drop_after_send="dot"), ["unknown"], [21], NOT_WAITED, (1, 0)
    ),
    "drop when taken": Way(controlled(drop_after="dot"), ONE, [21], TAKEN, (1, 1)),
}


@pytest.fixture(scope="module")
def transcript() -> Transcript:
    """Of one client that spoke in each way, a session each."""
    client = SmtpClient(identity="c.example")
    for how in WAYS.values():
        with Sandbox(**how.sandbox) as sandbox:
            sandbox.fault("rcpt", "no@*", reply="550 5.1.1 Nobody")
            sandbox.fault("eod", "over@*", reply="552 5.2.2 Over quota")
            client.connect(sandbox, **how.connect)
            how.speak(client)
            with suppress(SmtpError):  # it is gone, where that was asked for
                client.quit()
            client.disconnect()
            client.lax = False
    return client.transcript


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, transcript: Transcript) -> tuple[Way, Excerpt]:
    """A way to speak, and its session."""
    number = list(WAYS).index(request.param)
    return WAYS[request.param], transcript.session(number)


def test_the_tables_tell_what_became_of_it(way: tuple[Way, Excerpt]) -> None:
    how, told = way
    frame = told.transactions()
    assert frame["outcome"].to_list() == how.outcomes
    sizes = frame["size"].astype(object)
    assert sizes.where(sizes.notna(), None).to_list() == [*how.sizes]
    assert frame["reason"].isna().all()
    (session,) = told.sessions().to_dict("records")
    assert session["outcome"] == "success"
    assert session["n_exchanges"] == len(told.exchanges())


def test_every_question_tells_the_same_of_it(way: tuple[Way, Excerpt]) -> None:
    how, told = way
    said = explain(told)
    assert said.headline.removeprefix("127.0.0.1").startswith(how.says)
    (row,) = slo(told).to_dict("records") or [{"n": 0, "good": 0}]
    assert (row["n"], row["good"]) == how.counted
    assert timeline(told)["n_fail"].sum() == how.counted[0] - how.counted[1]
    assert (lint(told)["verdict"] != "FAIL").all()
    refused = classify(told)["permanence"].notna().sum()
    assert refused == (told.exchanges()["code"] >= 400).sum()
    assert set(compare(told, told)["change"]) == {"same"}


def test_what_leaves_alone_is_not_called_grouped(transcript: Transcript) -> None:
    frame = transcript.exchanges()
    numbers = frame.groupby(["session_id", "ts"], observed=True)["exchange_no"]
    together = numbers.transform("nunique") > 1
    assert (frame["pipelined"] == together).all()


QUESTIONS: Final = (
    *(anomalies, capabilities, classify, latency, lint, reply_codes, retries, slo),
    *(slowest, timeline, tls_posture),
)


def _loaded(name: str) -> Callable[[Path, Transcript], Any]:
    return lambda folder, told: smtpnb.load(told.save(folder / name))


def _held(name: str) -> Callable[[Path, Transcript], Any]:
    return lambda folder, told: HOLDERS[name](folder, told.events())


OF_OTHERS: Final[dict[str, Callable[[Path, Transcript], Any]]] = {
    "frame": lambda _, told: told.events(),
    "parquet": _loaded("t.parquet"),
    "jsonl": _loaded("t.jsonl"),
    "scan": lambda folder, told: smtpnb.scan(told.save(folder / "t.parquet")),
    "concat": lambda _, told: smtpnb.concat([told, told.events()]),
    **{name: _held(name) for name in ("arrow dtypes", "wide arrow stream")},
}


def answers(source: Any) -> list[Any]:
    """What is told of the events that somebody holds."""
    told: list[Any] = [question(source) for question in QUESTIONS]
    told += [explain(source, session=number) for number in range(len(WAYS))]
    told += [waterfall(source), report(source, session=0)]
    made = hasattr(source, "transactions")
    return told + [
        getattr(source, name)() if made else tables.make(name, source)
        for name in ("exchanges", "transactions", "sessions")
    ]


@pytest.fixture(scope="module")
def told_live(transcript: Transcript) -> list[Any]:
    return answers(transcript)


@pytest.mark.parametrize("holder", OF_OTHERS)
def test_whoever_holds_the_events_is_told_the_same(
    transcript: Transcript, told_live: list[Any], tmp_path: Path, holder: str
) -> None:
    told = answers(OF_OTHERS[holder](tmp_path, transcript))
    for here, there in zip(told_live, told, strict=True):
        if isinstance(here, pd.DataFrame):
            pd.testing.assert_frame_equal(pd.DataFrame(here), pd.DataFrame(there))
        else:
            assert here == there


@pytest.mark.parametrize("by", ["host", "step", ["host", "port"]], ids=str)
@pytest.mark.parametrize("question", [latency, latency_ecdf, reply_codes])
def test_one_column_or_several_to_group_by(
    transcript: Transcript, question: Any, by: str | list[str]
) -> None:
    names = [by] if isinstance(by, str) else by
    assert [*question(transcript, by=by).columns][: len(names)] == names
    with pytest.raises(LacksColumns, match="no column weather"):
        question(transcript, by="weather")


@pytest.mark.parametrize("question", [*QUESTIONS, latency_ecdf, waterfall])
def test_another_table_is_refused_in_words(question: Any) -> None:
    with pytest.raises(ValueError, match=r"no column|nor a column|none of"):
        question(pd.DataFrame({"weather": ["fair"]}))
