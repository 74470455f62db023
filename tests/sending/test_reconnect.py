"""Messages that go on over a new connection: `per_connection=` and `reconnect=`.

Only what was not tried goes on, in order, and over nothing weaker than before; each
message is told once. What the server took is read from its own books, never from what
is reported.
"""

from __future__ import annotations

import io
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import (
    Cancelled,
    ConnectError,
    ConnectionLost,
    DeadlineExceeded,
    LocalProtocolError,
    MailObject,
    Plain,
    Sandbox,
    SmtpClient,
    TlsError,
    _stream,
)
from tests.sending.ways import WAYS
from tests.support.scripted import GREETING, Hear, Hold, Listen, Say, ScriptedServer
from tests.support.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from smtpnb.message.delivery import Delivery
    from smtpnb.transfer.choose import Overlap

ENOUGH = b"421 4.7.0 enough"
BODY = b"Subject: %d\r\n\r\n.text\r\n"
Mail = tuple[str, list[str], Any]


def mails(n: int) -> list[Mail]:
    return [(f"s{i}@example.org", [f"r{i}@example.net"], BODY % i) for i in range(n)]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_stream, "FIRST_PAUSE", 0.001)


def taken(sink: Sink) -> list[int]:
    """Return the numbers of the messages that the server has, in its order."""
    return [int(accepted.reverse_path[1:].split(b"@")[0]) for accepted in sink.accepted]


def told(deliveries: Sequence[Delivery]) -> str:
    """Return the outcomes, a letter each: accepted, refused, unknown, not tried."""
    return "".join(delivery.outcome[0] for delivery in deliveries)


def in_order(deliveries: Sequence[Delivery]) -> list[int]:
    paths = [d.mail.reverse_path if d.error is None else d.mail[0] for d in deliveries]
    return [int(path[1:].split("@")[0]) for path in paths]


def again(client: SmtpClient, sink: Sink) -> Callable[[], object]:
    def connect() -> None:
        client.connect(sink.host, sink.port)

    return connect


def sent(
    sink: Sink, given: Any, how: str = "True", **options: Any
) -> tuple[list[Delivery], SmtpClient]:
    """Send over one client, and over however many connections; hold it to the books."""
    client = SmtpClient(identity="c.example")
    client.connect(sink.host, sink.port)
    reconnect: Any = True if how == "True" else again(client, sink)
    deliveries = client.send_all(given, reconnect=reconnect, **options)
    client.disconnect()
    assert in_order(deliveries) == list(range(len(deliveries)))
    assert taken(sink) == [n for n, d in enumerate(deliveries) if d.ok]
    return deliveries, client


# As many as somebody says


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
@pytest.mark.parametrize("how", ["True", "a function"])
@pytest.mark.parametrize(
    ("n", "per_connection", "n_connections"),
    [(7, 3, 3), (6, 3, 2), (1, 1, 1), (3, 1, 3), (2, 5, 1)],
)
def test_so_many_messages_a_connection(  # noqa: PLR0917
    pipelining: bool,
    chunking: bool,
    overlap: Overlap,
    how: str,
    n: int,
    per_connection: int,
    n_connections: int,
) -> None:
    with Sink(pipelining=pipelining, chunking=chunking) as sink:
        deliveries, _ = sent(
            sink, mails(n), how, per_connection=per_connection, overlap=overlap
        )
        assert told(deliveries) == "a" * n
        assert sink.n_connections == n_connections
        # Each but the last was ended politely.
        assert sink.lines.count(b"QUIT") == n_connections - 1


@pytest.mark.parametrize(
    "given", [iter, list, tuple], ids=["iterator", "list", "tuple"]
)
def test_from_whatever_they_come(given: Callable[[list[Mail]], Any]) -> None:
    with Sink() as sink:
        deliveries, client = sent(sink, given(mails(5)), per_connection=2)
        assert told(deliveries) == "aaaaa"
        assert client.transcript.sessions()["n_transactions"].tolist() == [2, 2, 1]


def test_messages_that_cannot_be_made_cost_no_connection() -> None:
    given = mails(14)
    for n in range(1, 13):
        given[n] = (f"s{n}@example.org", [], b"")
    with Sink() as sink:
        deliveries, _ = sent(sink, given, per_connection=1)
        assert told(deliveries) == "a" + "n" * 12 + "a"
        assert sink.n_connections == 2
    assert all("recipient" in str(d.error) for d in deliveries[1:13])


# After a 421


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
@pytest.mark.parametrize("how", ["True", "a function"])
@pytest.mark.parametrize("given", [iter, list], ids=["iterator", "list"])
@pytest.mark.parametrize(
    ("mark", "outcome"),
    [
        # The message to which it was said has its answer: no.
        pytest.param(b"MAIL FROM:<s3@", "r", id="MAIL"),
        pytest.param(b"RCPT TO:<r3@", "r", id="RCPT"),
        pytest.param(b"Subject: 3", "r", id="the end"),
    ],
)
def test_after_a_421_what_was_not_tried_goes_on(  # noqa: PLR0917
    pipelining: bool,
    chunking: bool,
    overlap: Overlap,
    how: str,
    given: Callable[[list[Mail]], Any],
    mark: bytes,
    outcome: str,
) -> None:
    with Sink(pipelining=pipelining, chunking=chunking, refuse={mark: ENOUGH}) as sink:
        deliveries, _ = sent(sink, given(mails(7)), how, overlap=overlap)
        assert told(deliveries) == f"aaa{outcome}aaa"
        assert str(deliveries[3].reply).startswith("421")
        assert sink.n_connections == 2


@pytest.mark.parametrize(("pipelining", "chunking", "overlap"), WAYS)
def test_a_421_behind_the_last_reply_costs_no_message(
    pipelining: bool, chunking: bool, overlap: Overlap
) -> None:
    with Sink(pipelining=pipelining, chunking=chunking, most=2) as sink:
        deliveries, _ = sent(sink, mails(7), overlap=overlap, window=1)
        n = told(deliveries).count("r")  # what had left already was answered by it
        assert told(deliveries).count("a") == 7 - n
        assert n <= (3 if overlap == "turn" else 0)
        assert sink.n_connections in {3, 4}


def test_without_reconnect_the_rest_is_not_tried_and_says_why() -> None:
    with Sink(most=2) as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        deliveries = client.send_all(mails(5))
        assert told(deliveries) == "aannn"
        assert {str(d.reply)[:3] for d in deliveries[2:]} == {"421"}
        assert len(sink.accepted) == 2


@pytest.mark.parametrize("mark", [b"greeting", b"EHLO"])
@pytest.mark.parametrize("how", ["True", "a function"])
def test_a_new_connection_that_takes_nothing_is_tried_again(
    mark: bytes, how: str
) -> None:
    sessions = [{b"<s2@": ENOUGH}, {mark: ENOUGH}, {mark: ENOUGH}]
    with Sink(sessions=sessions) as sink:
        deliveries, _ = sent(sink, mails(5), how)
        assert told(deliveries) == "aaraa"
        assert sink.n_connections == 4


@pytest.mark.parametrize("mark", [b"greeting", b"EHLO"])
def test_the_first_connection_may_be_the_one_that_takes_nothing(mark: bytes) -> None:
    with Sink(sessions=[{mark: ENOUGH}]) as sink:
        deliveries, _ = sent(sink, mails(2))
        assert told(deliveries) == "aa"
        assert sink.n_connections == 2


def test_an_idle_connection_that_the_server_ended_is_replaced() -> None:
    with Sink(most=1) as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        assert client.send(*_apart(mails(1)[0])).ok
        deliveries = client.send_all(mails(3)[1:], reconnect=True)
        assert told(deliveries) == "aa"
        assert taken(sink) == [0, 1, 2]


def test_and_without_reconnect_it_is_a_lost_connection() -> None:
    with Sink(most=1) as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        client.send(*_apart(mails(1)[0]))
        with pytest.raises(ConnectionLost, match="had ended the session"):
            client.send(*_apart(mails(1)[0]))
        assert len(sink.accepted) == 1


def _apart(mail: Mail) -> tuple[bytes, str, list[str]]:
    return mail[2], mail[0], mail[1]


@pytest.mark.parametrize("given", [iter, list], ids=["iterator", "list"])
@pytest.mark.parametrize("mark", [b"greeting", b"EHLO", b"MAIL"])
def test_after_so_many_in_a_row_the_rest_is_not_tried(
    given: Callable[[list[Mail]], Any], mark: bytes
) -> None:
    sessions: list[Mapping[bytes, bytes]] = [{b"<s2@": ENOUGH}]
    with Sink(sessions=[*sessions, *[{mark: ENOUGH}] * 99]) as sink:
        deliveries, client = sent(sink, given(mails(8)))
        if mark == b"MAIL":  # each has its answer, and is no reason to stop
            assert told(deliveries) == "aarrrrrr"
            return
        # Of an iterator only what was taken is known.
        assert told(deliveries) == ("aarnnnnn" if given is list else "aarn")
        assert {str(d.reply)[:3] for d in deliveries[3:]} == {"421"}
        assert sink.n_connections == 1 + _stream.MAX_FRUITLESS
        assert client.transcript.sessions().shape[0] == 1 + _stream.MAX_FRUITLESS


def test_the_pauses_double(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(_stream, "FIRST_PAUSE", 1.0)
    monkeypatch.setattr(
        _stream.Sending, "_pause", lambda _, seconds: pauses.append(seconds)
    )
    with Sink(sessions=[{b"<s0@": ENOUGH}, *[{b"greeting": ENOUGH}] * 9]) as sink:
        assert told(sent(sink, mails(2))[0]) == "rn"
    assert pauses == [1.0, 2.0, 4.0, 8.0]


def test_nobody_answers_any_more() -> None:
    with Sink(refuse={b"<s1@": ENOUGH}) as sink:
        client = SmtpClient(identity="c.example")
        client.connect(sink.host, sink.port)

        def stop(delivery: Delivery) -> None:
            if not delivery.ok:
                sink.close()

        with pytest.raises(ConnectError) as caught:
            client.send_all(mails(4), reconnect=True, on_delivery=stop)
        assert told(caught.value.deliveries) == "arnn"
        tried = client.transcript.sessions().shape[0] - 1
        assert tried == _stream.MAX_FRUITLESS


# What may not be sent twice, and what may


def test_a_file_that_was_not_tried_is_sent_whole() -> None:
    octets = [b"%d\r\n" % n + b"x" * 98 + b"\r\n" * 2000 for n in range(4)]
    given = [
        MailObject("s0@example.org", "r0@example.net", octets[0]),
        MailObject("s1@example.org", "r1@example.net", octets[1]),
        MailObject("s2@example.org", "r2@example.net", io.BytesIO(octets[2])),
        MailObject("s3@example.org", "r3@example.net", iter([octets[3]])),
    ]
    for overlap in (None, "turn"):
        given[2] = MailObject("s2@example.org", "r2@example.net", io.BytesIO(octets[2]))
        given[3] = MailObject("s3@example.org", "r3@example.net", iter([octets[3]]))
        with Sink(chunking=False, refuse={b"<s1@": ENOUGH}) as sink:
            deliveries, _ = sent(sink, given, overlap=overlap)
            assert told(deliveries) == "araa"
            assert [a.content for a in sink.accepted] == [octets[n] for n in (0, 2, 3)]


def test_one_that_cannot_be_made_keeps_its_place_and_its_reason() -> None:
    given = mails(6)
    given[3] = ("s3@example.org", [], b"")
    for overlap in (None, "turn", "window"):
        with Sink(refuse={b"<s1@": ENOUGH}, chunking=overlap != "turn") as sink:
            deliveries, _ = sent(sink, given, overlap=overlap)
            assert told(deliveries) == "aranaa"
            assert "recipient" in str(deliveries[3].error)


def test_what_may_have_been_taken_is_not_sent_again() -> None:
    with (
        Sink(hang_up=b"Subject: 2") as sink,
        SmtpClient(identity="c.example") as client,
    ):
        client.connect(sink.host, sink.port)
        with pytest.raises(ConnectionLost) as caught:
            client.send_all(mails(5), reconnect=True, per_connection=2)
        assert told(caught.value.deliveries) == "aaunn"
        assert taken(sink) == [0, 1]
        assert sum(b"<s2@" in line for line in sink.lines) == 1


# True, where that is enough; and never weaker


def test_true_does_the_same_once_more() -> None:
    with Sandbox() as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        client.ehlo("me.example")
        client.starttls()
        deliveries = client.send_all(mails(4), per_connection=2, reconnect=True)
        assert told(deliveries) == "aaaa"
        sessions = client.transcript.sessions()
        assert sessions["tls_version"].notna().tolist() == [True, True]
        lines = client.transcript.exchanges()["line"].dropna().tolist()
        said = [line for line in lines if line.startswith("EHLO")]
        assert said == ["EHLO me.example"] * 4
        assert len(sandbox.inbox()) == 4


def test_true_is_refused_where_auth_was_used() -> None:
    with Sandbox(auth={"u": "p"}) as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        client.ehlo()
        client.starttls()
        client.ehlo()
        late = client.stream(mails(2), per_connection=1, reconnect=True)
        client.auth(Plain("u", "p"))
        with pytest.raises(LocalProtocolError, match="neither AUTH nor XCLIENT"):
            client.send_all(mails(2), reconnect=True)
        # Nor where AUTH came later than the call.
        assert next(late).ok
        with pytest.raises(
            LocalProtocolError, match="neither AUTH nor XCLIENT"
        ) as caught:
            next(late)
        assert told(caught.value.deliveries) == "n"
        assert len(sandbox.inbox()) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"per_connection": 2},
        {"per_connection": 0, "reconnect": True},
        {"per_connection": True, "reconnect": True},
        {"per_connection": "2", "reconnect": True},
        {"reconnect": "yes"},
    ],
    ids=str,
)
def test_words_that_say_nothing_are_refused(options: dict[str, Any]) -> None:
    with Sink() as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        for send in (client.send_all, client.stream):
            with pytest.raises(LocalProtocolError, match="nothing was sent"):
                send(mails(2), **options)
        assert not sink.lines


def _in_clear(client: SmtpClient, sandbox: Sandbox) -> None:
    client.connect(sandbox.host, sandbox.port)


def _unverified(client: SmtpClient, sandbox: Sandbox) -> None:
    client.connect(sandbox.host, sandbox.port, verify="report")
    client.ehlo()
    client.starttls()


def _refused(client: SmtpClient, sandbox: Sandbox) -> None:
    sandbox.fault("starttls", reply="454 4.7.0 not now")
    client.connect(sandbox)
    client.ehlo()
    client.starttls()


@pytest.mark.parametrize(
    ("connect", "why"),
    [
        (_in_clear, "it is in clear"),
        (_unverified, "did not verify"),
        (_refused, "it is in clear"),
    ],
)
def test_nothing_leaves_over_a_weaker_connection(
    connect: Callable[[SmtpClient, Sandbox], None], why: str
) -> None:
    with Sandbox() as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        client.ehlo()
        client.starttls()
        with pytest.raises(TlsError, match=why) as caught:
            client.send_all(
                mails(4),
                per_connection=2,
                reconnect=lambda: connect(client, sandbox),
            )
        assert told(caught.value.deliveries) == "aann"
        assert client.state.name == "CLOSED"
        assert len(sandbox.inbox()) == 2


def test_nor_where_true_finds_tls_refused() -> None:
    with Sandbox() as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        client.ehlo()
        client.starttls()
        sandbox.fault("starttls", reply="454 4.7.0 not now")
        with pytest.raises(TlsError, match="it is in clear") as caught:
            client.send_all(mails(3), per_connection=1, reconnect=True)
        assert told(caught.value.deliveries) == "ann"
        assert len(sandbox.inbox()) == 1


def test_what_was_never_verified_need_not_be() -> None:
    with Sandbox() as sandbox, SmtpClient() as client:
        _unverified(client, sandbox)
        deliveries = client.send_all(mails(2), per_connection=1, reconnect=True)
        assert told(deliveries) == "aa"


@pytest.mark.parametrize("secret", ["p", "wrong", None])
def test_the_function_authenticates_or_nothing_leaves(secret: str | None) -> None:
    with Sandbox(auth={"u": "p"}) as sandbox, SmtpClient() as client:

        def connect(password: str | None) -> None:
            client.connect(sandbox)
            client.ehlo()
            client.starttls()
            client.ehlo()
            if password is not None:
                client.auth(Plain("u", password))

        connect("p")
        given: Any = {"per_connection": 2, "reconnect": lambda: connect(secret)}
        if secret == "p":
            assert told(client.send_all(mails(4), **given)) == "aaaa"
            return
        with pytest.raises(LocalProtocolError, match="not authenticated") as caught:
            client.send_all(mails(4), **given)
        assert told(caught.value.deliveries) == "aann"
        assert len(sandbox.inbox()) == 2


# The user's function


def run(
    client: SmtpClient,
    given: Any,
    seen: list[Delivery],
    *,
    by_one: bool,
    **options: Any,
) -> None:
    """Send by `stream` or by `send_all`, and note what was told on the way."""
    if by_one:
        seen.extend(client.stream(given, **options))
    else:
        client.send_all(given, on_delivery=seen.append, **options)


def _nothing(_: SmtpClient) -> None:
    """Do not connect at all."""


def _raise(_: SmtpClient) -> None:
    raise KeyError("no more")


def _interrupted(_: SmtpClient) -> None:
    raise KeyboardInterrupt


def _connected_again(client: SmtpClient) -> None:
    host, _, port = client.peer.partition(":")
    client.connect(host, int(port))


def _transaction(client: SmtpClient) -> None:
    _connected_again(client)
    client.ehlo()
    client.mail_from("x@y.example")


def _a_message(client: SmtpClient) -> None:
    _connected_again(client)
    client.send(b"x", "a@b.example", "c@d.example")


@pytest.mark.parametrize("given", [iter, list], ids=["iterator", "list"])
@pytest.mark.parametrize("by_one", [False, True], ids=["send_all", "stream"])
@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (_nothing, LocalProtocolError, "had not connected"),
        (_raise, KeyError, "no more"),
        (_interrupted, KeyboardInterrupt, None),
        (_transaction, LocalProtocolError, "out of order"),
        (_a_message, LocalProtocolError, "sends no messages"),
    ],
)
def test_a_function_that_fails_costs_no_outcome(
    given: Callable[[list[Mail]], Any],
    by_one: bool,
    function: Callable[[SmtpClient], None],
    error: type[BaseException],
    words: str | None,
) -> None:
    seen: list[Delivery] = []
    with Sink() as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        options: Any = {"per_connection": 2, "reconnect": lambda: function(client)}
        with pytest.raises(error, match=words) as caught:
            run(client, given(mails(5)), seen, by_one=by_one, **options)
        left: Any = caught.value
        rest = "nnn" if given is list else "n"  # the one that was looked at
        assert told(left.deliveries) == (f"aa{rest}"[2 * by_one :])
        assert told(seen) == ("aa" if by_one else f"aa{rest}")
        assert taken(sink) == [0, 1]
        # The client is free, and serves again.
        client.disconnect()
        client.connect(sink.host, sink.port)
        assert client.send(b"Subject: x\r\n\r\nx\r\n", "s9@b.example", "c@d.e").ok


def test_while_the_function_runs_nobody_else_may_speak() -> None:
    said: list[str] = []

    def elsewhere(work: Callable[[], object]) -> None:
        def run() -> None:
            try:
                work()
            except LocalProtocolError as error:
                said.append(str(error))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(10)

    with Sink() as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        stream: Any = None

        def connect() -> None:
            client.connect(sink.host, sink.port)
            elsewhere(client.noop)
            elsewhere(lambda: next(stream))

        stream = client.stream(mails(3), per_connection=2, reconnect=connect)
        assert told(list(stream)) == "aaa"
    assert len(said) == 2
    assert all("stream of messages is under way" in words for words in said)


# One cancel, one interrupt, one deadline


def _canceller(client: SmtpClient, where: str) -> Callable[[], object]:
    def connect() -> None:
        if where == "before":
            client.cancel()
        _connected_again(client)
        if where == "after":
            client.cancel()
        client.ehlo()

    def swallow() -> None:
        try:
            client.cancel()
            connect()
        except Cancelled:
            connect()

    return swallow if where == "swallowed" else connect


@pytest.mark.parametrize("where", ["before", "after", "swallowed"])
@pytest.mark.parametrize("by_one", [False, True], ids=["send_all", "stream"])
def test_one_cancel_reaches_the_whole_call(where: str, by_one: bool) -> None:
    with Sink() as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        options: Any = {"per_connection": 2, "reconnect": _canceller(client, where)}
        seen: list[Delivery] = []
        with pytest.raises(Cancelled) as caught:
            run(client, mails(5), seen, by_one=by_one, **options)
        assert told(caught.value.deliveries) == ("nnn" if by_one else "aannn")
        assert taken(sink) == [0, 1]
        assert caught.value.transcript is client.transcript
        client.connect(sink.host, sink.port)
        assert client.noop().code == 250


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """A pause that does not end by itself; the event is set when it has begun."""
    begun, passing = threading.Event(), _stream._passing

    def watched(deadline: float) -> Iterator[Any]:
        begun.set()
        yield from passing(deadline)

    monkeypatch.setattr(_stream, "_passing", watched)
    monkeypatch.setattr(_stream, "FIRST_PAUSE", 3600.0)
    return begun


def during(begun: threading.Event, work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        assert begun.wait(10)
        work()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


FRUITLESS = ({b"<s1@": ENOUGH}, {b"greeting": ENOUGH})


def test_a_cancel_in_the_pause(pause: threading.Event) -> None:
    with Sink(sessions=FRUITLESS) as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        thread = during(pause, client.cancel)
        with pytest.raises(Cancelled) as caught:
            client.send_all(mails(4), reconnect=True)
        thread.join()
        assert told(caught.value.deliveries) == "arnn"
        assert sink.n_connections == 2


@pytest.mark.parametrize("by_one", [False, True], ids=["send_all", "stream"])
def test_an_interrupt_in_the_pause(pause: threading.Event, by_one: bool) -> None:
    main = threading.get_ident()
    with Sink(sessions=FRUITLESS) as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        thread = during(pause, lambda: signal.pthread_kill(main, signal.SIGINT))
        seen: list[Delivery] = []
        with pytest.raises(KeyboardInterrupt) as caught:
            run(client, mails(4), seen, by_one=by_one, reconnect=True)
        thread.join()
        left: Any = caught.value
        assert told(left.deliveries) == ("nn" if by_one else "arnn")
        client.connect(sink.host, sink.port)
        assert client.noop().code == 250


def test_the_timeout_counts_the_pause(pause: threading.Event) -> None:
    with Sink(sessions=FRUITLESS) as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        with pytest.raises(DeadlineExceeded) as caught:
            client.send_all(mails(4), reconnect=True, timeout=0.5)
        assert pause.is_set()
        assert told(caught.value.deliveries) == "arnn"


@pytest.mark.parametrize("how", ["True", "a function"])
def test_and_a_server_that_does_not_greet(how: str) -> None:
    ok = (Hear(), Say(b"250 ok\r\n"))
    first = (GREETING, *ok, *ok, Hear(), Say(ENOUGH + b"\r\n"), Listen())
    with ScriptedServer(first, (Hold(),)) as server:
        client = SmtpClient(identity="c.example")
        client.connect(server.host, server.port)

        def connect() -> None:
            client.connect(server.host, server.port)

        with pytest.raises(DeadlineExceeded) as caught:
            client.send_all(
                mails(3),
                reconnect=True if how == "True" else connect,
                timeout=0.3,
            )
        assert told(caught.value.deliveries) == "rnn"


def test_a_function_that_takes_too_long_sends_nothing() -> None:
    with Sink() as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        waited = threading.Event()

        def connect() -> None:
            client.connect(sink.host, sink.port)
            waited.wait(0.4)

        with pytest.raises(DeadlineExceeded, match="time was up") as caught:
            client.send_all(mails(3), per_connection=2, reconnect=connect, timeout=0.3)
        assert told(caught.value.deliveries) == "aan"
        assert len(sink.accepted) == 2


# Ended by whoever reads


def test_close_tells_of_what_had_been_taken() -> None:
    with Sink(refuse={b"<s1@": ENOUGH}) as sink, SmtpClient() as client:
        client.connect(sink.host, sink.port)
        stream = client.stream(mails(40), overlap="window", reconnect=True)
        assert next(stream).ok
        stream.close()
        assert told(stream.unread)[0] == "r"
        assert set(told(stream.unread)[1:]) == {"n"}
        assert sink.n_connections == 1
        assert taken(sink) == [0]


@pytest.mark.parametrize("overlap", [None, "window"])
def test_an_error_of_the_users_after_a_421_costs_no_outcome(overlap: Overlap) -> None:
    def broken() -> Iterator[Mail]:
        yield from mails(4)
        raise KeyError("no more")

    with Sink(refuse={b"<s1@": ENOUGH}) as sink, SmtpClient() as client:
        client.connect(sink.host, sink.port)
        with pytest.raises(KeyError) as caught:
            client.send_all(broken(), overlap=overlap, reconnect=True)
        left: Any = caught.value
        outcomes = told(left.deliveries)
        assert outcomes == ("araa" if overlap is None else "arnn")
        assert taken(sink) == [n for n, letter in enumerate(outcomes) if letter == "a"]


def test_an_interrupt_just_behind_a_settled_message_costs_no_outcome(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Sink() as sink, SmtpClient(identity="c.example") as client:
        client.connect(sink.host, sink.port)
        stream = client.stream(mails(3))
        assert next(stream).ok
        release = client._owner._release

        def interrupted() -> None:
            signal.raise_signal(signal.SIGINT)
            release()

        monkeypatch.setattr(client._owner, "_release", interrupted)
        with pytest.raises(KeyboardInterrupt) as caught:
            next(stream)
        monkeypatch.undo()
        left: Any = caught.value
        assert told(left.deliveries) == "a"
        assert taken(sink) == [0, 1]
