"""What `from smtpnb import SmtpClient` may load: counted, not timed."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {
    "IPython",
    "aiosmtpd",
    "asyncio",
    "cryptography",
    "dataclasses",
    "dns",
    "idna",
    "inspect",
    "ipywidgets",
    "matplotlib",
    "numpy",
    "pandas",
    "pyarrow",
    "trustme",
}


def _loaded(code: str) -> set[str]:
    shown = f"import sys\n{code}\nprint(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", shown], check=True, capture_output=True, text=True
    )
    return set(out.stdout.split())


def test_the_client_loads_nothing_heavy() -> None:
    assert not _loaded("from smtpnb import SmtpClient") & HEAVY


def test_the_client_loads_few_modules_more_than_smtplib() -> None:
    ours = _loaded("from smtpnb import SmtpClient")
    theirs = _loaded("import smtplib")
    strangers = {name for name in ours - theirs if not name.startswith("smtpnb")}
    assert len(strangers) <= 11, strangers


_IN_CLEAR = """
import socket, threading
from smtpnb import SmtpClient
listener = socket.create_server(("127.0.0.1", 0))
def greet():
    listener.accept()[0].sendall(b"220 hello\\r\\n")
threading.Thread(target=greet).start()
client = SmtpClient()
assert client.connect("127.0.0.1", listener.getsockname()[1]).code == 220
client.disconnect()
"""


def test_a_session_in_clear_never_loads_openssl() -> None:
    assert not _loaded(_IN_CLEAR) & {"ssl", "_ssl"}


# What sends whole messages loads when one is sent; each dialogue when it is used.
LATER = {
    "smtpnb._pipeline",
    "smtpnb.analysis",
    "smtpnb.dialogues.conformance",
    "smtpnb.dialogues.converse",
    "smtpnb.message.content",
    "smtpnb.message.envelope",
    "smtpnb.protocol.content",
    "smtpnb.protocol.parameters",
    "smtpnb.protocol.sasl",
    "smtpnb.sandbox",
    "smtpnb.transcript",
    "smtpnb.transfer.bearable",
    "smtpnb.transfer.body",
    "smtpnb.transfer.chunked",
    "smtpnb.transfer.envelope",
    "smtpnb.transfer.lockstep",
    "smtpnb.transfer.pipelined",
    "smtpnb.transfer.plan",
    "smtpnb.wire.auth",
}


def test_the_client_loads_only_its_verbs() -> None:
    assert not _loaded("from smtpnb import SmtpClient") & LATER
    assert _loaded("import smtpnb.transfer.chunked") >= LATER & {
        "smtpnb.message.envelope",
        "smtpnb.transfer.chunked",
        "smtpnb.transfer.plan",
    }


def test_a_transcript_loads_pandas_only_for_a_frame() -> None:
    code = "from smtpnb import SmtpClient; c = SmtpClient(); c.transcript.text()"
    assert not _loaded(code) & HEAVY
    assert "pandas" in _loaded(f"{code}; c.transcript.events()")


def test_the_extension_loads_no_frames_nor_pictures() -> None:
    before = (
        "from IPython.core.interactiveshell import InteractiveShell; "
        "shell = InteractiveShell.instance()"
    )
    code = f"{before}; shell.run_line_magic('load_ext', 'smtpnb')"
    brought = _loaded(code) - _loaded(before)
    assert "smtpnb.notebook.magics" in brought
    assert not brought & (HEAVY - {"asyncio", "dataclasses", "inspect"})
