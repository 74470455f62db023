from __future__ import annotations

import pytest

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.sasl import Login, Mechanism, Plain
from smtpnb.protocol.secret import Secret

# The mechanism, and what it says: None waits for the server to speak first.
STEPS: list[tuple[Mechanism, list[bytes | None]]] = [
    (Plain("me", "pw"), [b"\0me\0pw"]),
    (Plain("me", Secret("pw")), [b"\0me\0pw"]),
    (Plain("me", "pw", identity="you"), [b"you\0me\0pw"]),
    (Plain("mé", "pß"), ["\0mé\0pß".encode()]),
    (Plain("me", "pw", initial_response=False), [None, b"\0me\0pw"]),
    (Login("me", "pw"), [None, b"me", b"pw"]),
    (Login("me", Secret("pw"), initial_response=True), [b"me", b"pw"]),
    (Login("", ""), [None, b"", b""]),
]

PROMPTS = [b"", b"Username:", b"User Name\0", b"Password:", b"\xff", b"x" * 10_000]


@pytest.mark.parametrize("prompt", PROMPTS, ids=range(len(PROMPTS)))
@pytest.mark.parametrize(("mechanism", "expected"), STEPS)
def test_steps_are_these_whatever_the_server_prompts(
    mechanism: Mechanism, expected: list[bytes | None], prompt: bytes
) -> None:
    steps = mechanism.steps()
    responses = [next(steps), *(steps.send(prompt) for _ in expected[1:])]
    with pytest.raises(StopIteration):
        steps.send(prompt)
    assert [None if r is None else bytes(r) for r in responses] == expected


@pytest.mark.parametrize(("mechanism", "expected"), STEPS)
def test_every_secret_response_is_opaque(
    mechanism: Mechanism, expected: list[bytes | None]
) -> None:
    assert [type(r) for r in mechanism.steps() if r] == [
        bytes if r == b"me" else memoryview for r in expected if r
    ]


def test_steps_can_be_taken_again() -> None:
    mechanism = Plain("me", "pw")
    assert [*mechanism.steps()] == [*mechanism.steps()]
    assert [bytes(r) for r in mechanism.steps() if r] == [b"\0me\0pw"]


@pytest.mark.parametrize(
    ("mechanism", "secrets"),
    [
        (Plain("me", "pw"), {b"pw", b"\0me\0pw"}),
        (Plain("me", "pw", identity="you"), {b"pw", b"you\0me\0pw"}),
        (Login("me", "pw"), {b"pw"}),
    ],
)
def test_the_password_is_marked_as_a_secret(
    mechanism: Mechanism, secrets: set[bytes]
) -> None:
    assert {bytes(secret) for secret in mechanism.secrets()} == secrets


@pytest.mark.parametrize(
    ("user", "password", "identity"),
    [
        ("a\0b", "p", ""),
        ("a", "hunter\0two", ""),
        ("a", "p", "x\0y"),
        ("a\ud800", "p", ""),
        ("a", "hunter\ud800", ""),
        ("a", "p", "\udfff"),
    ],
)
def test_plain_refuses_what_would_move_its_fields(
    user: str, password: str, identity: str
) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        Plain(user, password, identity=identity)
    assert "hunter" not in str(caught.value)


def test_names_of_mechanisms_are_those_on_the_wire() -> None:
    assert (Plain.name, Login.name) == ("PLAIN", "LOGIN")
