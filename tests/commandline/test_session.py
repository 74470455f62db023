"""One session from the command line: what it shows, and by which code it leaves."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import Fault, Sandbox, load
from smtpnb.commandline import main
from tests.commandline.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHO = [
    "--from",
    "a@x.example",
    "--helo",
    "x.example",
    "--to",
    "b@y.example,c@y.example",
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as one:
        yield one


def _at(server: Sandbox | Recorder) -> list[str]:
    return ["--server", "127.0.0.1", "--port", str(server.port), *WHO]


@pytest.mark.parametrize(
    ("refuse", "words", "code"),
    [
        ({b"EHLO": b"502 no"}, "", 0),  # HELO is said then
        ({b"EHLO": b"502 no", b"HELO": b"550 no"}, "", 22),
        ({b"MAIL": b"550 no"}, "", 23),
        ({b"RCPT": b"550 no"}, "", 24),
        ({b"RCPT TO:<B": b"550 no"}, "", 0),  # one of two was accepted
        ({b"DATA": b"451 no"}, "", 25),
        ({b"QUIT": b"421 no"}, "", 27),
        ({b"STARTTLS": b"454 no"}, "-tls", 29),
        ({b"MAIL": b"550 no"}, "--pipeline", 23),
        ({b"RCPT": b"550 no"}, "--pipeline", 24),
        ({b"LHLO": b"550 no"}, "--protocol LMTP", 22),
        ({b"MAIL": b"550 no"}, "--das RCPT", 23),
        ({b"RCPT": b"550 no"}, "--das DOT", 24),
        ({b"DATA": b"550 no"}, "--das DOT", 25),
    ],
)
def test_each_step_has_its_exit_code(
    refuse: dict[bytes, bytes], words: str, code: int
) -> None:
    with Recorder(refuse=refuse) as recorder:
        assert main([*_at(recorder), *words.split()]) == code
        recorder.wait()
        assert recorder.said_quit or b"QUIT" in refuse


@pytest.mark.parametrize(
    ("step", "action", "code"),
    [
        ("connect", {"reply": "554 no"}, 21),
        ("eod", {"reply": "554 no"}, 26),
        ("mail", {"drop": True}, 6),
        ("eod", {"drop": True}, 6),
        ("mail", {"reply": "354 what"}, 23),  # no answer to MAIL
    ],
)
def test_faults_have_theirs(step: str, action: dict[str, str], code: int) -> None:
    with Sandbox(tls="none", faults=[Fault(step, **action)]) as server:  # type: ignore[arg-type]
        assert main(_at(server)) == code


def test_nobody_there_is_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert main(["--server", "127.0.0.1", "--port", str(port), *WHO]) == 2


def test_a_certificate_that_does_not_verify(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ca.pem").write_text(sandbox.ca)
    trust = ["--tls-ca-path", str(tmp_path / "ca.pem")]
    for words, code in ((["--tls-verify"], 29), ([], 0), (["--tls-verify", *trust], 0)):
        assert main([*_at(sandbox), "-tls", *words]) == code
        said = capsys.readouterr().out
        assert ("NOT verified" in said) == (words == [])
        assert ("leave out --tls-verify" in said) == (code == 29)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("-p 99999", 1, "99999 is not a port"),
        ("-tls --tls-ca-path /no.pem", 29, "cannot be read: /no.pem: No such file"),
        ("-a CRAM-MD5 -au x -ap @{file}", 28, "or say --allow-cleartext-auth;"),
    ],
)
def test_what_ends_a_session_before_it_begins_is_told(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    words: str,
    code: int,
    said: str,
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sesame-open")
    with Sandbox(auth={"x": "y"}, auth_without_tls=True) as server:
        assert main([*_at(server), *words.format(file=secret).split()]) == code
    shown = "".join(capsys.readouterr())
    assert said in shown
    assert "sesame" not in shown


def test_what_the_server_cannot_bear_is_told_before_mail(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fault = Fault("ehlo", reply="250 only.me")
    with Sandbox(tls="none", faults=[fault]) as server:
        assert main([*_at(server), "--body", "grüße"]) == 25
        said = capsys.readouterr().out
        assert "8BITMIME" in said
        assert "re-encode it (--convert), or send it as it is (--lax);" in said
        assert main([*_at(server), "--body", "grüße", "--convert"]) == 0
        assert "=C3=BC" in capsys.readouterr().out
        assert b"=C3=BC" in server.wait_for(1).octets


def test_it_shows_the_dialogue_in_the_hints_of_swaks(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*_at(sandbox), "--body", ".dots"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"=== Connected to 127.0.0.1 port {sandbox.port}" in lines
    assert " -> MAIL FROM:<a@x.example>" in lines
    assert " -> ..dots" in lines
    assert " -> ." in lines
    assert "<-  221 2.0.0 Bye" in lines


@pytest.mark.parametrize(
    ("words", "shown", "hidden"),
    [
        ("-n", "(content: ", "This is a test"),
        ("-hs", "<-  250", " -> "),
        ("-hr", " -> MAIL", "<-  "),
        ("-hi", " -> MAIL", "==="),
        ("-nth", "\nMAIL FROM", " -> MAIL"),
        ("-stl", "=== response in 0.", "***"),
        ("-ha", "", "a"),
        ("-S", "", "a"),
        ("-S 2", "", "a"),
    ],
)
def test_what_is_shown_can_be_chosen(
    words: str,
    shown: str,
    hidden: str,
    sandbox: Sandbox,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*_at(sandbox), *words.split()]) == 0
    out = capsys.readouterr().out
    assert shown in out
    assert hidden not in out


@pytest.mark.parametrize(("silence", "n_lines"), [("1", 10), ("2", 1), ("3", 0)])
def test_silent_until_something_goes_wrong(
    silence: str, n_lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with Recorder(refuse={b"MAIL": b"550 no"}) as recorder:
        assert main([*_at(recorder), "-S", silence]) == 23
    lines = capsys.readouterr().out.splitlines()
    assert min(len(lines), n_lines) == n_lines
    assert ("<** 550 no" in lines) == (silence != "3")
    assert silence == "1" or len(lines) == n_lines


def test_json_tells_it_all(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*_at(sandbox), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["exit_code"], told["error"]) == (0, None)
    assert [row["verb"] for row in told["exchanges"]][:2] == [None, "EHLO"]
    assert [row["outcome"] for row in told["transactions"]] == ["delivered"] * 2
    assert main([*_at(sandbox), "--json", "--port", "1", "--timeout", "5"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert "refused" in told["error"]


def test_the_transcript_can_be_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    for _ in range(2):
        assert main([*_at(sandbox), "-ha", "--save", str(path)]) == 0
        assert "MAIL FROM:<a@x.example>" in str(load(path))


def test_the_mail_alone(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    words = ["--to", "a@b.example", "--data", "Subject: x\n\nhello", "--dump-mail"]
    assert main(words) == 0
    assert capfdbinary.readouterr().out == b"Subject: x\n\nhello\n"


def test_a_reply_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "550 5.1.1 No such user"]) == 0
    assert "no such mailbox" in capsys.readouterr().out
    assert main(["explain", "hello"]) == 1
    assert "smtpnb: " in capsys.readouterr().err
    assert main(["explain", "--help"]) == 0
    assert "usage: smtpnb explain" in capsys.readouterr().out


def test_a_server_is_judged(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lint", f"127.0.0.1:{sandbox.port}"]) == 0
    assert "0 FAIL" in capsys.readouterr().out
    assert main(["lint", "127.0.0.1:1"]) == 2
    with Sandbox(protocol="lmtp", tls="none") as store:
        assert main(["lint", f"127.0.0.1:{store.port}", "--lmtp"]) == 0
    assert "asked" in capsys.readouterr().out
    assert main(["lint", "127.0.0.1", "--lmtp"]) == 1
    assert "never spoken at port 25" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="1"):
        main(["lint"])


def test_it_is_a_program_and_tells_every_option() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "smtpnb"], capture_output=True, text=True, check=True
    )
    for option in ("--server", "--quit-after", "--xclient-addr", "--json"):
        assert option in asked.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--prdr", 30),
        ("--xclient-addr 192.0.2.1", 33),
        ("--xclient-optional --xclient-addr 192.0.2.1", 0),
        ("--xclient-optional-strict --xclient-addr 192.0.2.1", 0),
        ("--xclient ADDR=192.0.2.1", 33),
        ("-au ann --auth-password-env HOME", 28),
        ("-ao -au ann --auth-password-env HOME", 0),
        ("-aos -au ann --auth-password-env HOME", 0),
    ],
)
def test_what_was_not_offered(words: str, code: int) -> None:
    bare = Fault("ehlo", reply="250 sandbox.localhost")
    with Sandbox(tls="none", faults=[bare]) as server:
        assert main([*_at(server), *words.split()]) == code


@pytest.mark.parametrize(
    ("words", "code"),
    [("-a", 28), ("-ao", 0), ("-aos", 28)],
)
def test_a_wrong_password(
    words: str, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WRONG", "s3cret-but-wrong")
    (tmp_path / "kept").mkdir()
    path = tmp_path / "kept" / "all.jsonl"
    login = ["-au", "ann", "--auth-password-env", "WRONG", "--save", str(path)]
    with Sandbox(auth={"ann": "right"}) as server:
        (tmp_path / "ca.pem").write_text(server.ca)
        trust = ["-tls", "--tls-ca-path", str(tmp_path / "ca.pem")]
        assert main([*_at(server), *trust, words, *login]) == code
    kept = path.read_bytes()
    assert b"AUTH" in kept
    assert b"s3cret" not in kept


def test_a_message_that_was_left_unheard_is_unknown(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*_at(sandbox), "--das", "DOT", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["outcome"] for row in told["transactions"]] == ["unknown"] * 2


@pytest.mark.parametrize("words", ["", "--das MAIL", "--das DOT", "--pipeline"])
def test_a_path_that_was_not_offered_leaves_by_no_way(words: str) -> None:
    """RFC 6531 section 3.4, whether or not the reply would have been read."""
    bare = Fault("ehlo", reply="250 sandbox.localhost")
    with Sandbox(tls="none", faults=[bare]) as server:
        given = ["--server", "127.0.0.1", "--port", str(server.port)]
        given += ["--from", "ä@x.example", "--to", "b@y.example", *words.split()]
        assert main(given) in {23, 25}
        heard = server.heard()
        assert not heard["verb"].eq("MAIL").any()


@pytest.mark.parametrize(
    ("refused", "code"), [("c@*", 0), ("*", 26)], ids=["one of two", "all"]
)
@pytest.mark.parametrize("way", ["--prdr", "--protocol LMTP"])
def test_a_message_that_nobody_got_leaves_by_26(
    way: str, refused: str, code: int
) -> None:
    fault = Fault("eod", refused, reply="550 5.7.1 no")
    kind: Any = {"protocol": "lmtp"} if "LMTP" in way else {"prdr": True}
    with Sandbox(tls="none", faults=[fault], **kind) as server:
        assert main([*_at(server), *way.split()]) == code
