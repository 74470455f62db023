"""Ninety lines in swaks's language: swaks and smtpnb leave the same octets.

Masked are what differs from run to run (Date, Message-Id, the boundary of MIME) and the
name of the program. A line that says neither its own name nor a sender is given both,
for swaks guesses them where smtpnb says what is known. A password stands on swaks's
line, and in a file on ours.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from smtpnb.commandline import main
from tests.commandline.recorder import CA, Recorder
from tests.support.tools import require_tool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.servers

TO: Final = "--to user@example.com"
AUTH: Final = "-tls -au me@example.com -ap secret"


class Line(NamedTuple):
    """A command line, and on what kind of server it acts."""

    words: str
    kind: str = ""  # "tls": from the first octet; "unix"; "proxy"
    stdin: bytes = b""
    differs: str = ""  # why ours leaves something else


LINES: Final = [
    # who, to whom, in which protocol
    Line(TO),
    Line("-t user@example.com -f me@example.com"),
    Line("--to one@example.com,two@example.com"),
    Line("--to user@example.com --from <>"),
    Line("--to user@example.com --helo mail.example.com"),
    Line("--to user@example.com --ehlo mail.example.com"),
    Line("--to user@example.com -h mail.example.com"),
    Line("--to user@example.com --protocol SMTP"),
    Line("--to user@example.com --protocol ESMTP"),
    Line("--to user@example.com --protocol LMTP"),
    Line("--to user@example.com --protocol LMTP", "unix"),
    Line("--to one@example.com,two@example.com --protocol LMTP"),
    Line("--to user@example.com --pipeline"),
    Line("--to one@example.com,two@example.com --pipeline"),
    Line("--to one@example.com,two@example.com --prdr"),
    # where it stops
    Line("--quit-after CONNECT"),
    Line("--quit-after EHLO"),
    Line("--quit-after FIRST-EHLO -tls"),
    Line("--quit-after TLS -tls"),
    Line("--quit-after MAIL"),
    Line("--to user@example.com --quit-after RCPT --hide-all"),
    Line("--to user@example.com --drop-after MAIL"),
    Line("--to user@example.com --drop-after DATA"),
    Line("--to user@example.com --drop-after DOT"),
    Line("--to user@example.com --drop-after-send RCPT"),
    Line("--to user@example.com --drop-after-send DOT"),
    # TLS
    Line("--to user@example.com -tls"),
    Line("--to user@example.com -tlso"),
    Line("--to user@example.com --tls-on-connect", "tls"),
    Line("--to user@example.com -tls --tls-verify --tls-ca-path {ca}"),
    Line("--to user@example.com --protocol SSMTP", "tls"),
    # AUTH
    Line(f"{TO} {AUTH} --auth PLAIN --tls-ca-path {{ca}}"),
    Line(f"{TO} {AUTH} --auth LOGIN --tls-ca-path {{ca}}"),
    Line(f"{TO} {AUTH} --auth CRAM-MD5 --tls-ca-path {{ca}}"),
    Line(f"{TO} {AUTH} -ao PLAIN --tls-ca-path {{ca}}"),
    Line(f"{TO} {AUTH} -a PLAIN --quit-after AUTH --tls-ca-path {{ca}}"),
    # who one seems to be
    Line(f"{TO} --xclient-name foo.example.com --xclient-addr 192.168.1.1"),
    Line(
        f"{TO} --xclient-helo h --xclient-delim --xclient-name n --quit-after RCPT",
        differs="after each 220 to XCLIENT the session begins anew, by EHLO",
    ),
    Line(f"{TO} --xclient ADDR=192.168.1.1"),
    Line(
        f"{TO} --proxy-family TCP4 --proxy-source 192.0.2.1 --proxy-source-port 1025 "
        "--proxy-dest 192.0.2.2 --proxy-dest-port 25",
        "proxy",
    ),
    # the message
    Line(f"{TO} --body @{{body}}"),
    Line(f"{TO} --body -", stdin=b"from standard input\n.\n..dots\n"),
    Line(
        f"{TO} --data -",
        stdin=b"Subject: all of it\n\nhello\n",
        differs="swaks adds an empty line; we leave a message as it is",
    ),
    Line(rf"{TO} --data Subject:\sall\n\nhello\n.\n"),
    Line(rf"{TO} --data To:\s%TO_ADDRESS%\nFrom:\s%FROM_ADDRESS%\n\n%BODY% --body b"),
    Line(rf"{TO} --add-header X-Test:\stest --add-header X-More:\smore"),
    Line(rf"{TO} --header-X-Test test --h-Subject hello"),
    Line(rf"{TO} --header Subject:\shello --body one\ntwo"),
    Line(f"{TO} --suppress-data"),
    Line(
        f"{TO} --attach @{{body}}",
        differs="the parts of MIME are made by Python's email package",
    ),
]

PROXIED: Final = (
    "--proxy-source 192.0.2.1 --proxy-source-port 1025 --proxy-dest 192.0.2.2 "
    "--proxy-dest-port 25"
)
BY_PYTHON: Final = "the parts of MIME are made by Python's email package"
MORE: Final = [
    Line(f"{TO} --header-X-A one --header-X-A two"),
    Line(f"{TO} --h-Subject one --h-Subject two"),
    Line(f"{TO} --h-From someone@example.net"),
    Line(f"{TO} --h-To other@example.net"),
    Line(rf"{TO} --data Subject:\sa\n\nhello"),
    Line(rf"{TO} --data From\sx\nSubject:\sy\n\nz"),
    Line(rf"{TO} --data From\sx\nSubject:\sy\n\nz -nsf"),
    Line(rf"{TO} --body %TO_ADDRESS%\s%FROM_ADDRESS%"),
    Line(f"{TO} -g", stdin=b"Subject: g\n\nhello\n", differs="as --data -, above"),
    Line(
        f"{TO} --body @{{body}} --attach-type text/html --attach @{{body}}",
        differs=BY_PYTHON,
    ),
    Line(f"{TO} --attach-name x.txt --attach @{{body}}", differs=BY_PYTHON),
    Line(f"{TO} -n -stl"),
    Line(f"{TO} --silent 2"),
    Line(f"{TO} -nth -hi"),
    Line(f"{TO} --timeout 30s"),
    Line("-t user@example.com -f <> -h localhost"),
    Line("--to Postmaster"),
    Line("-t one@example.com,two@example.com,three@example.com -q RCPT"),
    Line("-t user@example.com -q FIRST-HELO --protocol SMTP"),
    Line("-q FROM"),
    Line("-t user@example.com -q TO"),
    Line("-q BANNER"),
    Line("--da BANNER"),
    Line("--da EHLO"),
    Line("--da TLS -tls"),
    Line("--das EHLO"),
    Line("--das EHLO -tls"),
    Line("--da MAIL"),
    Line("--das MAIL"),
    Line("-t user@example.com --das DATA"),
    Line("-t user@example.com -tlsos"),
    Line("-t user@example.com --protocol ESMTPS"),
    Line("-t user@example.com --protocol SMTPS", "tls"),
    Line("-t user@example.com --tls-sni mx.example.com -tls"),
    Line("-t user@example.com -tls --tls-protocol tlsv1_2"),
    Line("-t user@example.com -tlsc -tlsp no_tlsv1_3 --tls-cipher HIGH", "tls"),
    Line("-t user@example.com -tls --tls-cert {cert} --tls-key {key}"),
    Line("-t user@example.com --pipeline --prdr"),
    Line(f"{TO} {AUTH} --auth PLAIN,LOGIN --tls-ca-path {{ca}}"),
    Line(f"{TO} {AUTH} -aos PLAIN --tls-ca-path {{ca}} -ahp"),
    Line(f"{TO} --xclient-addr 2001:db8::1 --xclient-name n --xclient-no-verify"),
    Line(
        f"{TO} --proxy-version 2 --proxy-family AF_INET --proxy-protocol STREAM "
        f"--proxy-command PROXY {PROXIED}",
        "proxy",
    ),
    Line(rf"{TO} --proxy TCP4\s192.0.2.1\s192.0.2.2\s1\s2", "proxy"),
    Line(
        f"{TO} --proxy-family TCP6 {PROXIED}".replace("192.0.2.", "2001:db8::"),
        "proxy",
        differs="the hexadecimal digits of an address are in lower case",
    ),
]

MASKS: Final = (
    (rb"Date: [^\r]*", b"Date: (masked)"),
    (rb"Subject: test \w{3}, [^\r]*", b"Subject: test (masked)"),
    (rb"Message-Id: [^\r]*", b"Message-Id: (masked)"),
    (rb"X-Mailer: [^\r]*", b"X-Mailer: (masked)"),
)


def _words(line: Line, tmp_path: Path, where: list[str]) -> list[str]:
    files = {name: tmp_path / name for name in ("body", "ca", "cert", "key")}
    files["body"].write_bytes(b"a line\n.a dot\n")
    CA.cert_pem.write_to_path(str(files["ca"]))
    ours = CA.issue_cert("client.example.com")
    ours.cert_chain_pems[0].write_to_path(str(files["cert"]))
    ours.private_key_pem.write_to_path(str(files["key"]))
    given = line.words.format(**files).split()
    words = [word.replace(r"\s", " ") for word in given]
    if not {"-f", "--from"} & set(words):
        words += ["--from", "me@example.com"]
    if not {"-h", "--helo", "--ehlo"} & set(words):
        words += ["--helo", "client.example.com"]
    return [*where, *words]


def _recorded(line: Line, tmp_path: Path, run: Callable[[list[str]], int]) -> bytes:
    """Return what a program leaves, at a server of its own."""
    path = tmp_path / "socket" if line.kind == "unix" else None
    tls, proxy = line.kind == "tls", line.kind == "proxy"
    with Recorder(implicit_tls=tls, path=path, proxy=proxy) as recorder:
        where = ["--socket", str(path)]
        if path is None:
            where = ["--server", "127.0.0.1", "--port", str(recorder.port)]
        assert run(_words(line, tmp_path, where)) == 0
        octets = recorder.wait()
    if path is not None:
        path.unlink()
    for pattern, mask in MASKS:
        octets = re.sub(pattern, mask, octets)
    return octets


@pytest.mark.parametrize("line", LINES + MORE, ids=lambda line: line.kind + line.words)
def test_both_leave_the_same(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swaks(words: list[str]) -> int:
        program = [require_tool("swaks"), *words]
        done = subprocess.run(
            program, input=line.stdin, capture_output=True, timeout=60, check=False
        )
        return done.returncode

    def smtpnb(words: list[str]) -> int:
        if "-ap" in words:
            at = words.index("-ap") + 1
            (tmp_path / "secret").write_text(words[at] + "\n")
            words[at] = f"@{tmp_path / 'secret'}"
        typed = io.TextIOWrapper(io.BytesIO(line.stdin))
        monkeypatch.setattr(sys, "stdin", typed)
        return main(words)

    theirs = _recorded(line, tmp_path, swaks)
    ours = _recorded(line, tmp_path, smtpnb)
    assert (ours == theirs) == (not line.differs), (ours, theirs)


def test_most_lines_are_equal() -> None:
    assert len(LINES) == 50
    assert sum(not line.differs for line in LINES) >= 45
    assert len(MORE) >= 40
    assert sum(not line.differs for line in MORE) >= 39
