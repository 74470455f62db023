"""The sandbox as a server, spoken to by the standard library and by smtpnb."""

from __future__ import annotations

import inspect
import smtplib
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from smtpnb import (
    ConnectionLost,
    DeadlineExceeded,
    Fault,
    Plain,
    RemoteProtocolError,
    Sandbox,
    SmtpClient,
    TlsError,
)
from smtpnb.sandbox.__main__ import _parser, _start
from smtpnb.sandbox.faults import FaultBook
from tests.support.leaks import no_leaks
from tests.support.patience import AT_ONCE

if TYPE_CHECKING:
    from pathlib import Path

MESSAGE = "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n\r\nhello\r\n"


def _client(sandbox: Sandbox) -> SmtpClient:
    client = SmtpClient(identity="client.example")
    client.connect(sandbox)
    return client


def _send(client: SmtpClient, recipient: str = "bob@sandbox.example") -> int:
    client.mail_from("ann@client.example")
    client.rcpt_to(recipient)
    return client.data(MESSAGE).code


def test_the_standard_library_can_deliver_to_it() -> None:
    with Sandbox() as sandbox:
        with smtplib.SMTP(sandbox.host, sandbox.port) as stranger:
            stranger.sendmail("ann@client.example", ["bob@x.example"], MESSAGE)
        message = sandbox.wait_for(1)
    assert message.octets == MESSAGE.encode()
    assert message.mail_from == "ann@client.example"


def test_it_listens_on_loopback_only() -> None:
    with Sandbox() as sandbox:
        assert sandbox.host == "127.0.0.1"
        assert sandbox._listener.getsockname()[0] == "127.0.0.1"


def test_no_reply_waits_for_an_acknowledgement() -> None:
    with Sandbox() as sandbox, _client(sandbox):
        (connection,) = sandbox._connections
        assert connection._socket is not None
        plain = connection._socket.get_extra_info("socket")
        assert plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_inbox_is_a_table() -> None:
    with Sandbox() as sandbox, _client(sandbox) as client:
        assert sandbox.inbox().empty
        client.ehlo()
        _send(client)
        inbox = sandbox.inbox()
        assert list(inbox["subject"]) == ["gr\u00fc\u00dfe"]
        assert list(inbox["size"]) == [len(MESSAGE)]
        assert list(inbox["rcpt_to"]) == [["bob@sandbox.example"]]


def test_it_announces_what_it_serves() -> None:
    with Sandbox(auth={"ann": "secret"}) as sandbox, _client(sandbox) as client:
        client.ehlo()
        offered = set(client.capabilities)
        assert {"PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE", "CHUNKING"} <= offered
        assert "STARTTLS" in offered
        assert "AUTH" not in offered
        client.starttls()
        client.ehlo()
        assert set(client.capabilities.mechanisms) >= {"PLAIN", "LOGIN"}


def test_bdat_is_served() -> None:
    with Sandbox() as sandbox, _client(sandbox) as client:
        client.ehlo()
        client.mail_from("ann@client.example")
        client.rcpt_to("bob@sandbox.example")
        client.raw(b"BDAT 6\r\nhello\nBDAT 4 LAST\r\nrest")
        assert client.read_reply().code == 250
        assert client.read_reply().code == 250
        assert sandbox.wait_for(1).octets == b"hello\nrest"


def test_a_message_over_the_size_is_refused() -> None:
    with Sandbox(size=1000) as sandbox, _client(sandbox) as client:
        client.ehlo()
        assert client.mail_from("a@b.example", size=2000).code == 552
        client.mail_from("a@b.example")
        client.rcpt_to("c@d.example")
        assert client.data(b"x\r\n" * 2000).code == 552
        assert sandbox.inbox().empty


def test_accounts_are_checked() -> None:
    with Sandbox(auth={"ann": "secret"}) as sandbox, _client(sandbox) as client:
        client.ehlo()
        client.starttls()
        client.ehlo()
        assert client.auth(Plain("ann", "wrong")).code == 535
        assert client.auth(Plain("ann", "secret")).code == 235
        _send(client)
        assert sandbox.wait_for(1).user == "ann"


@pytest.mark.parametrize(
    ("step", "say"),
    [
        ("mail", lambda client: client.mail_from("ann@client.example")),
        ("noop", lambda client: client.noop()),
        ("ehlo", lambda client: client.ehlo()),
        ("starttls", lambda client: client.starttls()),
        ("vrfy", lambda client: client.vrfy("bob")),
        ("quit", lambda client: client.quit()),
    ],
)
def test_a_fault_replies_at_its_step(step: str, say: object) -> None:
    with Sandbox() as sandbox, _client(sandbox) as client:
        client.ehlo()
        sandbox.fault(step, reply="451 4.3.0 Not now")
        reply = say(client)  # type: ignore[operator]
        assert (reply.code, reply.enhanced) == (451, "4.3.0")


def test_a_pattern_chooses_the_recipient() -> None:
    with Sandbox() as sandbox, _client(sandbox) as client:
        sandbox.fault("rcpt", "nobody@*", reply="550 5.1.1 No such user")
        client.ehlo()
        client.mail_from("ann@client.example")
        assert client.rcpt_to("nobody@sandbox.example").code == 550
        assert client.rcpt_to("somebody@sandbox.example").code == 250


def test_a_fault_is_spent_after_its_times() -> None:
    with Sandbox() as sandbox, _client(sandbox) as client:
        sandbox.fault("noop", reply="450 later", times=2)
        client.ehlo()
        assert [client.noop().code for _ in range(3)] == [450, 450, 250]


def test_each_address_is_greylisted_by_itself() -> None:
    with Sandbox() as sandbox, _client(sandbox) as client:
        sandbox.fault("rcpt", reply="450 4.7.1 Greylisted", times=1, each=True)
        client.ehlo()
        client.mail_from("ann@client.example")
        said = ("a@x.example", "b@x.example", "A@x.example", "b@x.example")
        assert [client.rcpt_to(one).code for one in said] == [450, 450, 250, 250]
        assert len(sandbox.faults) == 1  # somebody new may come


def test_some_go_by_before_a_fault_acts() -> None:
    with Sandbox() as sandbox, _client(sandbox) as client:
        sandbox.fault("noop", reply="450 later", skip=2, times=1)
        client.ehlo()
        assert [client.noop().code for _ in range(4)] == [250, 250, 450, 250]
        assert sandbox.faults == ()


def test_so_many_go_by_in_so_many_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("smtpnb.sandbox.faults.time.monotonic", lambda: now[0])
    book = FaultBook((Fault("mail", reply="421 4.7.0 Too fast", skip=2, per=60),))
    acted = []
    for seconds in (0, 1, 1, 50, 10, 1, 1):
        now[0] += seconds
        acted.append(book.pick("mail", "a@b") is not None)
    assert acted == [False, False, True, True, False, False, True]


def test_the_same_seed_throws_the_same_dice() -> None:
    def codes(seed: int) -> list[int]:
        fault = Fault("noop", reply="450 later", probability=0.5)
        with Sandbox(faults=[fault], seed=seed) as sandbox:
            client = _client(sandbox)
            client.ehlo()
            found = [client.noop().code for _ in range(20)]
            client.quit()
        return found

    assert codes(1) == codes(1)
    assert {*codes(1)} == {250, 450}
    assert codes(1) != codes(2)


def test_a_delayed_reply_comes_late_and_others_are_served() -> None:
    with Sandbox() as sandbox, _client(sandbox) as slow, _client(sandbox) as other:
        slow.ehlo()
        other.ehlo()
        sandbox.fault("vrfy", delay=0.3)
        thread = threading.Thread(target=slow.vrfy, args=("bob",))
        thread.start()
        assert other.noop().code == 250
        thread.join()
        # Latency counts from when the command had left, which may be told late.
        assert slow.transcript.exchanges()["latency_ms"].iloc[-1] > 200


def test_a_drop_is_a_lost_connection() -> None:
    with Sandbox() as sandbox, _client(sandbox) as client:
        sandbox.fault("noop", drop=True)
        client.ehlo()
        with pytest.raises(ConnectionLost):
            client.noop()


def test_a_drip_sends_octet_by_octet() -> None:
    with Sandbox() as sandbox, _client(sandbox) as client:
        sandbox.fault("noop", drip=0.002)
        client.ehlo()
        client.noop()
        assert client.transcript.exchanges()["receive_ms"].iloc[-1] > 5


def test_eight_bit_octets_in_a_reply_are_shown_as_what_they_are() -> None:
    with Sandbox() as sandbox, _client(sandbox) as client:
        sandbox.fault("noop", eight_bit=True)
        client.ehlo()
        assert r"\x" in client.noop().text


def test_a_stalled_greeting_never_comes() -> None:
    with Sandbox() as sandbox:
        sandbox.fault("greeting", stall=True)
        with pytest.raises(DeadlineExceeded, match="phase: greeting"):
            SmtpClient().connect(sandbox, timeout=0.2)


def test_a_stalled_handshake_never_ends() -> None:
    with Sandbox() as sandbox, _client(sandbox) as client:
        sandbox.fault("tls", stall=True)
        client.ehlo()
        with pytest.raises(DeadlineExceeded, match="phase: tls"):
            client.starttls(timeout=0.2)


def test_a_stalled_command_is_never_answered() -> None:
    with Sandbox() as sandbox, _client(sandbox) as client:
        sandbox.fault("noop", stall=True)
        client.ehlo()
        with pytest.raises(DeadlineExceeded, match="phase: noop"):
            client.noop(timeout=0.2)


def test_a_stalled_body_is_never_read() -> None:
    with Sandbox() as sandbox, _client(sandbox) as client:
        sandbox.fault("body", stall=True)
        client.ehlo()
        client.mail_from("ann@client.example")
        client.rcpt_to("bob@sandbox.example")
        with pytest.raises(DeadlineExceeded) as caught:
            client.data(b"x" * 60 + b"\n" + b"y\n" * 10_000_000, timeout=2.0)
        assert caught.value.outcome == "aborted"
        assert sandbox.inbox().empty


def test_a_dropped_end_of_data_leaves_the_client_in_doubt() -> None:
    with Sandbox() as sandbox, _client(sandbox) as client:
        sandbox.fault("eod", drop=True)
        client.ehlo()
        with pytest.raises(ConnectionLost) as caught:
            _send(client)
        assert caught.value.outcome == "unknown"
        assert sandbox.wait_for(1).octets == MESSAGE.encode()


def test_a_failed_handshake_is_a_fault_of_tls() -> None:
    with Sandbox() as sandbox, _client(sandbox) as client:
        sandbox.fault("tls", drop=True)
        client.ehlo()
        with pytest.raises((TlsError, ConnectionLost), match="phase: tls"):
            client.starttls()


@pytest.mark.parametrize(
    "wrong",
    [
        {"step": "nosuch", "drop": True},
        {"step": "mail"},
        {"step": "mail", "reply": "999 no"},
        {"step": "mail", "stall": True, "drop": True},
        {"step": "mail", "delay": -1},
        {"step": "mail", "drop": True, "times": 0},
        {"step": "mail", "drop": True, "probability": 0},
        {"step": "mail", "drop": True, "skip": -1},
        {"step": "mail", "drop": True, "per": 5},
        {"step": "mail", "drop": True, "skip": 1, "per": 0},
        {"step": "mail", "drop": True, "each": True},
    ],
    ids=str,
)
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        Fault(**wrong)  # type: ignore[arg-type]


def test_stopping_ends_sessions_and_leaves_nothing() -> None:
    with no_leaks():
        sandbox = Sandbox()
        client = _client(sandbox)
        sandbox.stop()
        sandbox.stop()
        with pytest.raises((ConnectionLost, RemoteProtocolError)):
            client.ehlo()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((sandbox.host, sandbox.port), timeout=1)
        assert "stopped" in repr(sandbox)


def test_its_certificate_is_trusted_by_nobody_else() -> None:
    with Sandbox() as one, Sandbox() as other:
        client = SmtpClient(identity="client.example")
        client.connect(one.host, one.port, ca=other.ca)
        client.ehlo()
        with pytest.raises(TlsError):
            client.starttls()


def test_the_program_has_an_option_for_every_argument(tmp_path: Path) -> None:
    options = vars(_parser().parse_args([]))
    by_another_way = {"auth": "user", "faults": "fault", "urls": None}  # octets
    for name in inspect.signature(Sandbox).parameters:
        assert by_another_way.get(name, name) in {*options, None}, name
    words = f"--unix {tmp_path}/s --protocol lmtp --size 9 --without DSN --tls none"
    words += " --extension X-OWN"
    with _start(words.split()) as sandbox, SmtpClient() as client:
        assert sandbox.address == f"unix:{tmp_path}/s"
        client.connect(sandbox)
        assert client.lhlo().ok
        offered = client.capabilities
        assert (offered["SIZE"], "DSN" in offered, "X-OWN" in offered) == (
            *(("9",), False, True),
        )
    with _start(["--mechanism", "plain", "--mechanism", "external"]) as sandbox:
        assert sandbox.address.startswith("127.0.0.1:")


def test_the_program_tells_what_does_not_go_together(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        _start(["--prdr", "--protocol", "lmtp"])
    assert "no PRDR there" in capsys.readouterr().err


def test_it_runs_as_a_program_until_it_is_told_to_stop() -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "smtpnb.sandbox"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert program.stdout is not None
        words = program.stdout.readline()
        port = int(words.rpartition("127.0.0.1:")[2].split()[0].rstrip(".,;"))
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as stranger:
            assert stranger.noop()[0] == 250
    finally:
        program.terminate()
        began = time.monotonic()
        program.communicate(timeout=10)
    assert time.monotonic() - began < AT_ONCE
