"""No secret in anything that a failing AUTH leaves behind, on the strictest terms.

A notebook fails to authenticate in every way there is, at servers that echo what they
heard, with tracebacks that print all local variables. Then every file that it and its
kernel wrote is searched.
"""

from __future__ import annotations

import base64
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pyarrow.parquet as pq
import pytest
from nbclient import NotebookClient

from smtpnb import Login, Plain, Secret, SmtpClient, SmtpError
from tests.hostile.phases import connect, ehlo
from tests.support.scripted import EHLO, GREETING, Hear, Hold, Listen, Say
from tests.support.scripted import ScriptedServer as Server

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUSE = Path(__file__).parents[2]
PASSWORD = "Tr0ub4dor&3 zażółć"
USER = "someone@client.example"


def echoes(secret: str) -> dict[str, bytes]:
    """Return the forms in which a server may echo a secret."""
    raw = secret.encode()
    found = {
        "raw": raw,
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "UTF-16-LE": secret.encode("utf-16-le"),
        "UTF-16-BE": secret.encode("utf-16-be"),
    }
    for shift in range(3):  # base64, wherever the secret stands in what was encoded
        code = base64.b64encode(bytes(shift) + raw).rstrip(b"=")
        code = code[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        half = -(-len(code) // 2)
        found |= {f"base64 {shift} begins": code[:half]}
        found |= {f"base64 {shift} ends": code[-half:]}
    return found


ECHOES = echoes(PASSWORD)
# And as what a file may write of these.
FORMS = ECHOES | {
    "repr": repr(PASSWORD.encode())[2:-1].encode(),
    "JSON": PASSWORD.encode("ascii", "backslashreplace"),
}
_ALL = b" ".join(ECHOES.values())
_PLAIN = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())
_AUTH = (GREETING, *EHLO, Hear())
SCRIPTS = {
    "refused, with every form in the reply": (
        *_AUTH,
        Say(b"535-5.7.8 you said " + _PLAIN + b"\r\n535 5.7.8 " + _ALL + b"\r\n"),
        Listen(),
    ),
    "LOGIN, each line taken for a command": (
        *_AUTH,
        Say(b"334 VXNlcm5hbWU6\r\n"),
        Hear(),
        Say(b"334 UGFzc3dvcmQ6\r\n"),
        Hear(),
        Say(b"500 unknown command " + FORMS["raw"] + b" " + _PLAIN.upper() + b"\r\n"),
        Listen(),
    ),
    "no reply at all": (*_AUTH, Say(b"535? " + _ALL + b"\r\n"), Hold()),
    "two codes": (*_AUTH, Say(b"535-" + _PLAIN + b"\r\n500 " + _ALL + b"\r\n"), Hold()),
    "too long": (*_AUTH, Say(b"535 " + _ALL * 200 + b"\r\n"), Hold()),
    "closes": _AUTH,
    "closes in the reply": (*_AUTH, Say(b"535 " + _ALL)),
    "says nothing": (*_AUTH, Hold()),
    "says nothing, and is cancelled": (*_AUTH, Hold()),
    "asks for ever": (*_AUTH, *((Say(b"334 \r\n"), Hear()) * 40)),
    "more than was asked": (
        *_AUTH,
        Say(b"535 5.7.8 no\r\n250 " + _ALL + b"\r\n"),
        Listen(),
    ),
    "the magics": (*_AUTH, Say(b"535 5.7.8 " + _ALL + b"\r\n"), Listen()),
    "the magics, closes": _AUTH,
    "a challenge that echoes": (
        *_AUTH,
        Say(b"334 " + _PLAIN + b"\r\n"),
        Hear(),
        Say(b"535 " + _ALL + b"\r\n"),
        Listen(),
    ),
}

START = """\
%load_ext smtpnb
%xmode Verbose
import logging, os, pickle, sys, threading
from smtpnb import Login, Plain, Secret, SmtpClient, to_csv
logging.basicConfig(level=logging.DEBUG, filename="debug.log")
password = Secret(os.environ.pop("SMTPNB_TEST_PASSWORD"))
user, errors, clients = {user!r}, [], []

def begin():
    client = SmtpClient()
    clients.append(client)
    client.connect("127.0.0.1", {port})
    client.ehlo("client.example")
    return client"""
PLAIN = "Plain(user, password), allow_cleartext_auth=True"
MAGICS = """\
%smtp connect 127.0.0.1:{port}
%smtp ehlo client.example
%smtp auth {user} {{password}} --allow-cleartext-auth"""
FAILING = [
    f"begin().auth({PLAIN}).raise_for_status()",
    "begin().auth(Login(user, password), allow_cleartext_auth=True).raise_for_status()",
    *[f"begin().auth({PLAIN})"] * 5,
    f"begin().auth({PLAIN}, timeout=0.2)",
    f"""client = begin()
threading.Timer(0.2, client.cancel).start()
client.auth({PLAIN})""",
    f"begin().auth({PLAIN})",
    f"client = begin()\nclient.auth({PLAIN})\nclient.noop()\nclient.noop()",
    f"{MAGICS}\nclient = %smtp session\n1 / 0",
    MAGICS,
    f"begin().auth({PLAIN}).raise_for_status()",
    # These fail before a word is said.
    "SmtpClient().auth(Plain(user, password))",
    'Plain(user, Secret(str(password.reveal(), "utf-8") + "\\0"))',
    "pickle.dumps(password)",
    "pickle.dumps(Plain(user, password))",
]
KEEP = "errors.append(sys.last_value)"
SHOW = """\
from smtpnb.notebook.panel import Panel
for client in clients:
    print(repr(client), vars(client), client.reply, client.transcript)
    display(client, client.reply, client.transcript, client.transcript.events())
panel = Panel(clients[0], "127.0.0.1:1")
print(password, [password], f"{password}", Plain(user, password), vars())
panel"""
WRITE = """\
for n, client in enumerate(clients):
    client.transcript.save(f"{n}.parquet")
    client.transcript.save(f"{n}.jsonl")
    with open(f"{n}.pickle", "wb") as file:
        pickle.dump((client.transcript, client.reply, client.replies), file)
    for table in ("events", "exchanges", "transactions", "sessions"):
        to_csv(getattr(client.transcript, table)(), f"{n}-{table}.csv")
for n, error in enumerate(errors):
    logging.error("it failed", exc_info=error)
    with open(f"error-{n}.pickle", "wb") as file:
        pickle.dump(error, file)
%history -f history.txt
%smtp transcript
%lsmagic"""


def _cells(port: int) -> list[str]:
    cells = [START.format(user=USER, port=port)]
    for cell in FAILING:
        said = cell.format(user=USER, port=port) if cell.startswith("%") else cell
        cells += [said, KEEP]
    return [*cells, SHOW, WRITE]


def contents(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield each file below a folder, and what is folded up in it."""
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        yield path, path.read_bytes()
        if path.suffix == ".parquet":
            yield path, str(pq.read_table(path).to_pydict()).encode()
        if path.suffix == ".sqlite":
            with sqlite3.connect(path) as base:
                yield path, "\n".join(base.iterdump()).encode()
            base.close()


def leaks(folder: Path) -> list[str]:
    """Return each file and form in which the password was found."""
    return [
        f"{path.relative_to(folder)}: {name}"
        for path, octets in contents(folder)
        for name, form in FORMS.items()
        if form in octets
    ]


@pytest.mark.parametrize("form", FORMS)
def test_the_search_finds_each_form(tmp_path: Path, form: str) -> None:
    (tmp_path / "found").write_bytes(b"{" + FORMS[form] + b"}")
    (tmp_path / "clean").write_bytes(b"{}")
    assert any(leak.startswith("found: ") for leak in leaks(tmp_path))
    assert not any(leak.startswith("clean: ") for leak in leaks(tmp_path))


def test_no_file_of_a_notebook_of_failing_auths_holds_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for name in ("HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("SMTPNB_TEST_PASSWORD", PASSWORD)
    monkeypatch.setenv("PYTHONPATH", str(HOUSE))
    with Server(*SCRIPTS.values()) as server:
        notebook = _run(server.port)
        heard = b"".join(bytes(stage.heard) for stage in server.stages)
    nbformat.write(notebook, work / "session.ipynb")

    # Everything that should have happened did: secrets left, errors were raised.
    assert len(server.stages) == len(SCRIPTS)
    assert heard.count(_PLAIN) >= len(SCRIPTS) - 2
    failed = [_error(cell) for cell in notebook.cells]
    assert failed[0] == failed[-1] == failed[-2] == ""
    kinds = set(failed)
    assert {
        "PermanentReplyError",
        "RemoteProtocolError",
        "ConnectionLost",
        "DeadlineExceeded",
        "Cancelled",
        "LocalProtocolError",
        "TypeError",
    } <= kinds
    written = {path.name for path, _ in contents(tmp_path)}
    assert {"history.sqlite", "history.txt", "debug.log", "0.parquet"} <= written
    whole = (work / "session.ipynb").read_text()
    assert "deadline" in whole  # a local variable: verbose tracebacks were printed
    assert "widget-state" in whole
    assert "&lt;secret" in whole
    assert USER in whole
    assert leaks(tmp_path) == []


def _run(port: int) -> Any:
    notebook: Any = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in _cells(port)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    client: Any = NotebookClient(notebook, timeout=60, allow_errors=True)
    client.ipython_hist_file = "history.sqlite"  # nbclient would keep it in memory
    return client.execute(env=dict(os.environ))


def _tries(name: str, client: SmtpClient) -> None:
    timeout = 0.2 if name.startswith("says nothing") else 10
    mechanism = (Login if "LOGIN" in name else Plain)(USER, Secret(PASSWORD))
    reply = client.auth(mechanism, allow_cleartext_auth=True, timeout=timeout)
    if "more" in name:
        client.rset()
    reply.raise_for_status()


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_local_variable_of_ours_holds_the_secret_when_an_error_passes(
    name: str,
) -> None:
    client = SmtpClient()
    with Server(SCRIPTS[name]) as server:
        connect(client, server)
        ehlo(client)
        with pytest.raises(SmtpError) as caught:
            _tries(name, client)
        client.cancel()
    frames = [
        frame.frame
        for frame in caught.traceback
        if frame.path.is_relative_to(HOUSE / "smtpnb")  # type: ignore[union-attr]
    ]
    assert frames
    for frame in frames:
        held = repr(frame.f_locals).encode() + b"".join(
            bytes(value)
            for value in frame.f_locals.values()
            if isinstance(value, (bytes, bytearray))
        )
        found = [form for form in FORMS if FORMS[form] in held]
        assert not found, (frame.code.name, found)


def _error(cell: Any) -> str:
    names = [o["ename"] for o in cell.outputs if o["output_type"] == "error"]
    return names[0] if names else ""
