"""LMTP in the front ends: each recipient has a verdict, and all of them are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from smtpnb import ReplyError, Sandbox, SmtpClient
from smtpnb.notebook.connecting import written
from smtpnb.notebook.line import place
from smtpnb.notebook.panel.actions import Form, in_our_words, operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATHS: Final = ("a@x.example", "over@x.example", "no@x.example", "d@x.example")
MESSAGE: Final = "Subject: x\r\n\r\nhello\r\n"


@pytest.fixture
def lmtp(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(protocol="lmtp", unix=tmp_path / "s") as sandbox:
        sandbox.fault("rcpt", "no@*", reply="550 5.1.1 Nobody")
        sandbox.fault("eod", "over@*", reply="552 5.2.2 Over quota")
        yield sandbox


def enveloped(run: Callable[[str], Any], lmtp: Sandbox) -> None:
    run(f"%smtp connect {lmtp.host};\n%smtp lhlo;\n%smtp mail from:<a@x.example>;")
    for path in PATHS:
        run(f"%smtp rcpt to:<{path}>;")


def test_a_cell_shows_what_each_recipient_got(
    run: Callable[[str], Any], lmtp: Sandbox
) -> None:
    enveloped(run, lmtp)
    shown = run(f"%%smtp data\n{MESSAGE}")
    for text in (repr(shown), shown._repr_html_()):
        assert "2 of 4 recipients accepted" in text
        assert "552 5.2.2 Over quota" in text
        assert text.count("x.example") >= 4


def test_what_is_expected_is_expected_of_each(
    run: Callable[[str], Any], lmtp: Sandbox
) -> None:
    enveloped(run, lmtp)
    with pytest.raises(ReplyError, match="expected 250"):
        run(f"%%smtp data --expect 250\n{MESSAGE}")
    lmtp.clear_faults()
    enveloped(run, lmtp)
    assert run(f"%%smtp data --expect 250\n{MESSAGE}").ok


def test_send_and_the_bare_dialogue(run: Callable[[str], Any], lmtp: Sandbox) -> None:
    run(f"m = {MESSAGE!r}\n%smtp connect {lmtp.host};")
    delivery = run(f"%smtp send {{m}} --from a@x.example --to {','.join(PATHS)}")
    assert [row.outcome for row in delivery.recipients] == [
        *("accepted", "refused", "refused", "accepted"),
    ]
    lines = "\n".join(f"RCPT TO:<{path}>" for path in PATHS)
    said = run(f"%%smtp\nMAIL FROM:<a@x.example>\n{lines}\nDATA\nhello\n.\n")
    finals, _, told = str(said).partition("(content")[2].partition("=== ")
    assert [word in finals for word in ("552 5.2.2", "250 2.6.0")] == [True, True]
    assert len(finals.partition(" -> .\n")[2].splitlines()) == 3
    assert told.startswith("2 of 4 recipients accepted")
    assert [f"<{path}>" in told for path in PATHS] == [True] * 4


@pytest.mark.parametrize("end", ["DATA\nhello\n.\n", "BDAT 7 LAST\nhello\n"])
def test_a_dialogue_expects_of_each_recipient_and_not_of_a_353(
    run: Callable[[str], Any], end: str
) -> None:
    run("%smtp sandbox --prdr --tls none;\n%smtp connect sandbox;\n%smtp ehlo;")
    begin = "MAIL FROM:<a@x.example> PRDR\n"
    begin += "RCPT TO:<a@x.example>\nRCPT TO:<over@x.example>\n"
    said = run(f"%%smtp --expect 2\n{begin}{end}")
    assert "<-  353" in said
    assert "2 of 2 recipients accepted" in said
    run("%smtp sandbox fault eod over@* --reply '552 5.2.2 Over quota';")
    with pytest.raises(ReplyError, match="expected 2"):
        run(f"%%smtp --expect 2\n{begin}{end}")


def test_a_sandbox_of_the_magics_speaks_it(run: Callable[[str], Any]) -> None:
    assert run("%smtp sandbox --protocol lmtp").protocol == "lmtp"
    run("%smtp sandbox fault eod over@* --reply '552 5.2.2 Over quota';")
    run("%smtp connect sandbox;")
    delivery = run(
        f"m = {MESSAGE!r}\n"
        f"%smtp send {{m}} --from a@x.example --to {PATHS[0]},{PATHS[1]}"
    )
    assert [row.outcome for row in delivery.recipients] == ["accepted", "refused"]
    run("%smtp sandbox stop;")
    run("%smtp sandbox --prdr --tls none;\n%smtp connect sandbox;")
    assert "PRDR" in run("%smtp ehlo").text


def test_ehlo_to_lmtp_says_so(run: Callable[[str], Any]) -> None:
    port = run("%smtp sandbox --protocol lmtp").port
    run(f"%smtp connect 127.0.0.1:{port};")
    shown = run("%smtp ehlo")
    assert "this is LMTP" in repr(shown)
    assert "%smtp connect --lmtp" in repr(shown)
    assert "%smtp connect --lmtp" in str(run("%%smtp\nEHLO me"))
    assert "this is LMTP" in shown._repr_html_()


def test_lmtp_over_tcp_by_an_option(run: Callable[[str], Any]) -> None:
    with Sandbox(protocol="lmtp") as sandbox:
        run(f"%smtp connect 127.0.0.1:{sandbox.port} --lmtp --tls none;")
        assert run("%smtp lhlo me.example").ok
        assert "PIPELINING" in run("%smtp session").capabilities
    run("%smtp connect sandbox --lmtp;")  # of SMTP, on purpose
    assert "this is no LMTP server" in repr(run("%smtp lhlo"))


@pytest.mark.parametrize(
    ("text", "host", "settings"),
    [
        ("unix:/run/x y", "unix:/run/x y", {}),
        ("lmtp://[::1]:24", "[::1]", {"port": 24, "protocol": "lmtp"}),
        ("lmtp.example:24", "lmtp.example", {"port": 24}),
        ("2001:db8::1", "2001:db8::1", {"port": 25}),
    ],
)
def test_what_names_a_server(text: str, host: str, settings: dict[str, Any]) -> None:
    assert place(text) == (host, settings)
    again, same = place(written(host, settings))  # as Tab and the panel write it
    assert (again.strip("[]"), same) == (host.strip("[]"), settings)


def test_the_panel_says_what_each_recipient_got(lmtp: Sandbox) -> None:
    with SmtpClient() as client:
        form = Form(
            target=lmtp.host,
            sender="a@x.example",
            recipients=PATHS,
            content=MESSAGE.encode(),
        )
        assert operation(client, "Connect", form)().ok
        answer = operation(client, "Send", form)()
        assert answer.ok
        words = "a@x.example: accepted", "over@x.example: refused (552"
        assert all(word in answer.text for word in words)
        for what in ("MAIL", "RCPT"):
            assert operation(client, what, form)().ok
        answer = operation(client, "DATA", form)()
        assert all(word in answer.text for word in words)


def test_the_panel_says_what_seems_to_be_spoken() -> None:
    with Sandbox(protocol="lmtp") as sandbox, SmtpClient() as client:
        client.connect(sandbox.host, sandbox.port)
        answer = operation(client, "EHLO", Form())()
        assert not answer.ok
        assert "this is LMTP" in answer.text
        assert "lmtp://HOST:PORT in the address bar" in in_our_words(answer.text)
        assert "LMTP" not in operation(client, "NOOP", Form())().text


def test_conformance_asks_a_server_of_lmtp(run: Callable[[str], Any]) -> None:
    for how in ("sandbox", "sandbox --tls starttls"):
        run(f"%smtp sandbox --protocol lmtp;\n%smtp connect {how};")
        found = run("%smtp conformance")
        assert found.attrs["asked"] == "asked 17 of 17"
        assert "FAIL" not in set(found["verdict"]), found
        assert "EHLO" not in run("%smtp transcript text")
        run("%smtp sandbox stop;")
