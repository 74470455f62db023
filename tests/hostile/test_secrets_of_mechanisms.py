"""No secret of any mechanism in anything that AUTH leaves behind.

Each mechanism talks to a server that echoes what it was told, in every form it can
think of, and then refuses, accepts, breaks off or says nonsense. Every artefact is
written to files, and all of them are searched.
"""

from __future__ import annotations

import base64
import logging
import pickle
import re
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import (
    CramMd5,
    DigestMd5,
    Gssapi,
    Login,
    Ntlm,
    OAuthBearer,
    Plain,
    Scram,
    Secret,
    SmtpClient,
    SmtpError,
    XOAuth2,
    to_csv,
)
from smtpnb.edges.text import for_html
from tests.hostile.test_secrets import PASSWORD, USER, contents, echoes
from tests.support.scripted import GREETING, Hear, Listen, Say, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from smtpnb.protocol.sasl import Mechanism
    from tests.support.scripted import Action, Stage

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.sIgNaTuReOfNoBoDy-_0123456789"
# A hash or a signature in a response, which may be echoed alone.
_PROOF = rb"[0-9a-f]{32}|(?<=p=)\S{20,}"
NONCE = "rOprNGfwEbeRWgbNEkqO"
_DIGEST = b'nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8'
_FIRST = f"r={NONCE}MORE,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode()


def _secret() -> Secret:
    return Secret(PASSWORD)


# Each mechanism, and the challenges that it answers before the secret is out.
MECHANISMS: dict[str, tuple[Callable[[], Mechanism], tuple[bytes, ...]]] = {
    "PLAIN": (lambda: Plain(USER, _secret()), ()),
    "LOGIN": (lambda: Login(USER, _secret()), (b"", b"")),
    "CRAM-MD5": (lambda: CramMd5(USER, _secret()), (b"<1@x>",)),
    "DIGEST-MD5": (lambda: DigestMd5(USER, _secret()), (_DIGEST,)),
    **{
        f"SCRAM-{name}": (
            lambda name=name: Scram(USER, _secret(), name, nonce=NONCE),  # type: ignore[misc]
            (_FIRST,),
        )
        for name in ("SHA-1", "SHA-256", "SHA-512")
    },
    "XOAUTH2": (lambda: XOAuth2(USER, lambda: TOKEN), ()),
    "OAUTHBEARER": (lambda: OAuthBearer(USER, Secret(TOKEN)), ()),
    "NTLM": (lambda: Ntlm(USER, _secret()), (b"",)),
    "GSSAPI": (lambda: Gssapi(USER, _secret()), ()),
}


@dataclass(frozen=True)
class Echo:
    """Say what was heard last, and every form of the secrets, with a code."""

    code: bytes
    secret: str
    heard: list[bytes]

    def do(self, stage: Stage) -> None:
        last = bytes(stage.heard).split(b"\r\n")[-2].split(b" ")[-1]
        self.heard.append(last)
        try:
            plain = base64.b64decode(last, validate=True)
        except ValueError:
            plain = b""
        forms = [
            *(last, last.upper(), last.replace(b"+", b"-"), last[: len(last) // 2 + 2]),
            *re.findall(rb"[\x20-\x7e]{24,}", plain),
            *re.findall(_PROOF, plain),
            *echoes(self.secret).values(),
        ]
        for form in forms[:-1]:
            stage.connection.sendall(self.code + b"-you said " + form + b"\r\n")
        stage.connection.sendall(self.code + b" " + forms[-1] + b"\r\n")


def _scripts(
    name: str, challenges: tuple[bytes, ...], secret: str, heard: list[bytes]
) -> list[tuple[Action, ...]]:
    """Return a script for each way in which it may end."""
    offer = b"250-here\r\n250 AUTH " + name.encode() + b"\r\n"
    asked = [
        action
        for challenge in challenges
        for action in (Say(b"334 " + base64.b64encode(challenge) + b"\r\n"), Hear())
    ]
    endings: list[tuple[Action, ...]] = [
        (Echo(b"535", secret, heard), Hear(), Echo(b"250", secret, []), Listen()),
        (Echo(b"235", secret, heard), Listen()),
        (Echo(b"334", secret, heard), Hear(), Echo(b"501", secret, []), Listen()),
        (Echo(b"535", secret, heard), Say(b"nonsense " + secret.encode() + b"\r\n")),
        (),
    ]
    begin = (GREETING, Hear(), Say(offer), Hear(), *asked)
    return [(*begin, *ending) for ending in endings]


def _write(folder: Path, client: SmtpClient, errors: list[SmtpError]) -> None:
    """Write whatever there is, in every way there is."""
    told: list[Any] = [client, vars(client), client.reply, client.replies]
    told += [client.transcript, list(client.transcript), client.capabilities]
    for number, error in enumerate(errors):
        told += [error, error.args, for_html(str(error))]
        whole = traceback.TracebackException.from_exception(error, capture_locals=True)
        told += list(whole.format())
        (folder / f"{number}.error").write_bytes(pickle.dumps(error))
    (folder / "told").write_text(
        "\n".join([*map(str, told), *map(repr, told)]), errors="backslashreplace"
    )
    transcript = client.transcript
    logging.getLogger("smtpnb-test").debug("%r %s", told, transcript.text())
    (folder / "html").write_text(transcript._repr_html_() or "")
    (folder / "pickle").write_bytes(
        pickle.dumps((transcript, client.reply, client.replies))
    )
    transcript.save(str(folder / "all.parquet"))
    transcript.save(str(folder / "all.jsonl"))
    for table in ("events", "exchanges", "transactions", "sessions"):
        to_csv(getattr(transcript, table)(), str(folder / f"{table}.csv"))


@pytest.mark.parametrize("name", MECHANISMS)
def test_no_artefact_of_auth_holds_a_secret(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    make, challenges = MECHANISMS[name]
    secret = TOKEN if "OAUTH" in name else PASSWORD
    heard: list[bytes] = []
    errors: list[SmtpError] = []
    client = SmtpClient()
    scripts = _scripts(name, challenges, secret, heard)
    with ScriptedServer(*scripts) as server:
        for _ in scripts:
            client.connect(server.host, server.port)
            client.ehlo("client.example")
            try:
                client.auth(make(), allow_cleartext_auth=True)
                client.noop(timeout=0.3)
            except SmtpError as error:
                inside = error.__traceback__
                while inside and inside.tb_frame.f_code.co_filename == __file__:
                    inside = inside.tb_next  # our own locals are not what is searched
                errors.append(error.with_traceback(inside))
            client.cancel()
    _write(tmp_path, client, errors)
    (tmp_path / "log").write_text(caplog.text)
    assert {"log", "told", "all.parquet"} <= {path.name for path in tmp_path.iterdir()}
    assert len(errors) > 1
    assert _leaks(tmp_path, _forms(name, secret, heard)) == []


def _forms(name: str, secret: str, heard: list[bytes]) -> dict[str, bytes]:
    """Return what must be nowhere: the secret, and each response that proves it."""
    assert heard or name == "GSSAPI"  # there is no Kerberos here: it fails before AUTH
    forms = {**echoes(secret), "repr": repr(secret.encode())[2:-1].encode()}
    for number, line in enumerate(heard):
        if name != "NTLM":  # whose beginning is the same for all
            forms[f"response {number}"] = line[: len(line) // 2 + 2]
        proofs = re.findall(_PROOF, base64.b64decode(line))
        forms |= {f"proof {number}.{n}": proof for n, proof in enumerate(proofs)}
    return forms


def _leaks(folder: Path, forms: dict[str, bytes]) -> list[str]:
    return [
        f"{path.name}: {form}"
        for path, octets in contents(folder)
        for form, secret in forms.items()
        if secret in octets
    ]
