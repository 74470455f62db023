"""`%smtp auth` and the panel's AUTH: every mechanism, and no secret on any line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.error import UsageError

from smtpnb import LocalProtocolError
from smtpnb.sandbox.mechanisms import MECHANISMS, USUAL

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[str], Any]

PASSWORD = "sesame-open"
BEGIN = f"""\
from smtpnb import Sandbox, Secret, SmtpClient
from smtpnb.sandbox.mechanisms import MECHANISMS
server = Sandbox(auth={{'ann': '{PASSWORD}'}}, mechanisms=MECHANISMS)
word, token = '{PASSWORD}', lambda: '{PASSWORD}'
old = guess = 'not-it'
%smtp connect {{server}} --tls starttls;"""


@pytest.fixture
def inside_tls(run: Run) -> Any:
    run(BEGIN)
    yield run
    run("%smtp disconnect\nserver.stop()")


@pytest.mark.parametrize("name", MECHANISMS)
def test_each_mechanism_has_a_name_in_the_magic(inside_tls: Run, name: str) -> None:
    said = "auth ann {word} --mechanism " + name.lower()
    assert inside_tls(f"%smtp {said}").code == 235
    text = inside_tls("%smtp transcript text")
    assert f"AUTH {name}" in text
    assert PASSWORD not in text


def test_the_strongest_is_taken_if_none_is_named(inside_tls: Run) -> None:
    assert inside_tls("%smtp auth ann {word}").code == 235
    assert "AUTH SCRAM-SHA-512-PLUS" in inside_tls("%smtp transcript text")


def test_a_callable_is_a_token(inside_tls: Run) -> None:
    assert inside_tls("%smtp auth ann {token}").code == 235
    assert "AUTH OAUTHBEARER" in inside_tls("%smtp transcript text")


def test_why_a_token_is_refused_is_told_in_words(
    inside_tls: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inside_tls("%smtp auth ann {old} --mechanism oauthbearer").code == 535
    said = "OAUTHBEARER, in the server's words: status invalid_token, scope smtp\n"
    assert said in capsys.readouterr().out
    assert inside_tls("%smtp auth ann {guess} --mechanism plain").code == 535
    assert "server's words" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "prompt"),
    [
        ("auth ann --mechanism xoauth2", "Access token of ann: "),
        ("auth ann", "Password of ann: "),
    ],
)
def test_what_is_asked_for_is_called_by_its_name(
    inside_tls: Run, monkeypatch: pytest.MonkeyPatch, line: str, prompt: str
) -> None:
    asked = []

    def answer(said: str) -> str:
        asked.append(said)
        return PASSWORD

    monkeypatch.setattr("getpass.getpass", answer)
    assert inside_tls(f"%smtp {line}").code == 235
    assert asked == [prompt]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("auth", "auth wants a USER"),
        (f"auth ann {PASSWORD} --mechanism xoauth2", "never type a password"),
        (f"auth ann {{'{PASSWORD}'}}", "never type a password"),
        (f"auth ann {{Secret('{PASSWORD}')}}", "never type a password"),
        ("command AUTH PLAIN {'AGFubgBzZXNhbWUtb3Blbg=='}", "never type a password"),
        (
            "auth ann {word} --initial-response --no-initial-response",
            "one of them",
        ),
        ("auth ann {word} --mechanism nonsense", "nonsense"),
        ("auth ann {word} --password-env NOPE", "one of them"),
        ("auth ann --keyring x --password-env NOPE", "one of them"),
        ("command AUTH PLAIN AGFubgBzZXNhbWUtb3Blbg==", "never type a password"),
        ("command auth login YW5u", "never type a password"),
        ("raw {b'auth plain AGFubgBzZXNhbWUtb3Blbg==\\r\\n'}", "never type a password"),
    ],
)
def test_what_makes_no_sense_is_told(inside_tls: Run, line: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        inside_tls(f"%smtp {line}")


def test_a_response_that_was_typed_is_refused_and_one_in_a_variable_is_sent(
    inside_tls: Run,
) -> None:
    assert inside_tls("%smtp command AUTH LOGIN").code == 334
    with pytest.raises(UsageError, match="never type a password"):
        inside_tls("%smtp command YW5u")
    with pytest.raises(UsageError, match="never type a password"):
        inside_tls(r"%smtp raw {b'YW5u\r\n'}")
    way_out = r"%smtp raw {b'*\r\n'}"
    assert way_out in inside_tls("%smtp")
    (reply,) = inside_tls(way_out)
    assert reply.code == 501
    assert inside_tls("first = 'AGFubgBzZXNhbWUtb3Blbg=='\n%smtp noop").code == 250
    assert inside_tls("%smtp command AUTH PLAIN {first}").code == 235
    assert "AGFubgBz" not in inside_tls("%smtp transcript text")


def test_a_second_auth_asks_for_nothing(
    inside_tls: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert inside_tls("%smtp auth ann {word}").code == 235
    monkeypatch.setattr("getpass.getpass", lambda _: pytest.fail("asked"))
    with pytest.raises(LocalProtocolError, match="one AUTH a session"):
        inside_tls("%smtp auth ann")
    with pytest.raises(UsageError, match="one of them"):
        inside_tls("%smtp auth ann --initial-response --no-initial-response")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("auth ann --mechanism ntlm", "AUTH NTLM: the server offers PLAIN"),
        ("auth ann --mechanism cram-md5 --initial-response", "speaks first"),
        ("auth ann --mechanism login --identity bob", "no authorization identity"),
    ],
)
def test_what_cannot_be_said_is_told_before_a_secret_is_asked_for(
    inside_tls: Run, monkeypatch: pytest.MonkeyPatch, line: str, words: str
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda _: pytest.fail("asked"))
    with pytest.raises(LocalProtocolError, match=words):
        inside_tls(f"%smtp {line}")


def test_nothing_is_asked_for_that_must_not_be_sent(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda _: pytest.fail("asked"))
    run(BEGIN.replace("starttls", "none") + "\n%smtp ehlo;")
    with pytest.raises(LocalProtocolError, match="does not offer AUTH"):
        run("%smtp auth ann")
    with pytest.raises(LocalProtocolError, match="AUTH in clear is refused"):
        run("%smtp auth ann --lax")
    run("%smtp disconnect\nserver.stop()")


def test_all_that_is_usual_is_in_the_grammar() -> None:
    from smtpnb.notebook.grammar import COMMANDS

    choices = COMMANDS["auth"].options["--mechanism"].choices
    assert {name.lower() for name in USUAL} <= set(choices)
