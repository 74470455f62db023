"""GSSAPI's own part (RFC 4752) over tokens that are made up, and NTLM's errors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb.protocol.errors import LocalProtocolError, RemoteProtocolError
from smtpnb.protocol.sasl import Gssapi, Ntlm, Work, gss

if TYPE_CHECKING:
    from collections.abc import Generator


class Context:
    """A side of Kerberos: a token out, a token in, then it is complete."""

    complete = False

    def step(self, token: bytes | None) -> bytes | None:
        self.complete = token is not None
        return None if token else b"ticket"

    def unwrap(self, octets: bytes) -> Any:
        return SimpleNamespace(data=octets.removeprefix(b"wrapped:"))

    def wrap(self, octets: bytes, *, encrypt: bool) -> Any:
        assert not encrypt
        return SimpleNamespace(data=b"wrapped:" + octets)


def _go(steps: Generator[Any, Any, None], asked: Any) -> Any:
    while isinstance(asked, Work):
        asked = steps.send(asked.function(*asked.args))
    return asked if asked is None else bytes(asked)


def _begin(monkeypatch: pytest.MonkeyPatch) -> tuple[Generator[Any, Any, None], bytes]:
    monkeypatch.setattr(gss, "_context", lambda *_: Context())
    steps = Gssapi(identity="bob").steps()
    return steps, _go(steps, next(steps))


def test_gssapi_agrees_on_no_security_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, first = _begin(monkeypatch)
    assert first == b"ticket"
    assert _go(steps, steps.send(b"ticket of the server")) == b""
    # RFC 4752 section 3.3: 1 is no layer, then a size, then for whom.
    answer = _go(steps, steps.send(b"wrapped:\7\0\xff\xff"))
    assert answer == b"wrapped:\1\0\0\0bob"
    with pytest.raises(StopIteration):
        steps.send(None)


@pytest.mark.parametrize("layers", [b"wrapped:\6\0\xff\xff", b"wrapped:\1", b""])
def test_gssapi_refuses_a_layer(monkeypatch: pytest.MonkeyPatch, layers: bytes) -> None:
    steps, _ = _begin(monkeypatch)
    _go(steps, steps.send(b"ticket of the server"))
    with pytest.raises(RemoteProtocolError, match="security layer"):
        _go(steps, steps.send(layers))


def test_gssapi_is_not_accepted_before_it_is_agreed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps, _ = _begin(monkeypatch)
    with pytest.raises(RemoteProtocolError, match="before it was agreed"):
        steps.send(None)


def test_without_kerberos_gssapi_says_so() -> None:
    steps = Gssapi("ann@EXAMPLE.TEST").steps()
    with pytest.raises(LocalProtocolError, match="kerberos: "):
        _go(steps, next(steps))


@pytest.mark.parametrize("challenge", [b"", b"no NTLM at all", b"NTLMSSP\0\2\0\0\0"])
def test_an_ntlm_challenge_that_is_none_is_the_servers_fault(challenge: bytes) -> None:
    steps = Ntlm("ann", "hunter").steps()
    assert _go(steps, next(steps)) is None
    assert _go(steps, steps.send(b"")).startswith(b"NTLMSSP\0\1\0\0\0")
    with pytest.raises(RemoteProtocolError, match="NTLM: ") as caught:
        _go(steps, steps.send(challenge))
    assert caught.value.__cause__ is None
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("make", [lambda: Ntlm("u", "p"), Gssapi])
def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, make: Any
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "spnego", None)
    with pytest.raises(LocalProtocolError, match="pip install 'smtpnb"):
        make()
