"""What postmasters paste, whole: the cause is found, its place, and who spoke."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from smtpnb import Transcript
from smtpnb.analysis import explain
from smtpnb.analysis.explain import cases
from smtpnb.analysis.replies.pasted import pasted
from tests.transcript.logs import pipelined, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.wire.record import Record

_FILE: Final = Path(__file__).parent / "data" / "pastes.txt"


class Paste(NamedTuple):
    """A pasted text and what is to be found in it; None: nothing."""

    name: str
    text: str
    expected: tuple[str | None, ...] | None


def _pastes() -> list[Paste]:
    found = []
    for part in _FILE.read_text("utf-8").split("\n#### ")[1:]:
        name, told, text = part.split("\n", 2)
        fields = tuple(None if one == "-" else one for one in told.split(" | "))
        text = text.strip("\n").replace("\\e", "\x1b").replace("\\r", "\r")
        found.append(Paste(name, text, None if told == "nothing" else fields))
    return found


PASTES: Final = _pastes()


@pytest.mark.parametrize("paste", PASTES, ids=lambda paste: paste.name)
def test_what_is_pasted_is_understood(paste: Paste) -> None:
    if paste.expected is None:
        with pytest.raises(ValueError, match="no reply code"):
            explain(paste.text)
        return
    code, enhanced, begins, step, host, headline = paste.expected
    case, said = cases.of_text(paste.text), explain(paste.text)
    assert case.code == (int(code) if code else None)
    assert (case.enhanced, case.step or None, case.host) == (enhanced, step, host)
    assert case.text.startswith(begins or "")
    assert headline is not None
    assert headline in said.headline


@pytest.mark.parametrize("paste", PASTES, ids=lambda paste: paste.name)
def test_permanence_and_codes_agree(paste: Paste) -> None:
    if paste.expected is None:
        return
    case, said = cases.of_text(paste.text), explain(paste.text)
    if case.fault is None and case.refused:
        assert f"{case.digit}yz" in said.permanence or "some minutes" in said.permanence
        again = [step for step in said.next_steps if "Try again" in step]
        assert not (again and said.permanence.startswith("For good (5yz): the same"))


def test_the_file_has_what_programs_write() -> None:
    assert len(PASTES) > 200


def test_of_several_refusals_the_first_leads_and_the_others_are_named() -> None:
    text = (
        "<a@b.example>: host mx.b.example[192.0.2.1] said: 550 5.1.1 Gone (in reply to "
        "RCPT TO command)\n\n"
        "<c@d.example>: host mx.d.example[192.0.2.2] said: 554 5.7.1"
        " Spam (in reply to end of DATA command)"
    )
    said = explain(text)
    assert "mx.b.example refused a recipient" in said.headline
    assert "told besides: 554 5.7.1 Spam" in said.evidence
    only = pasted(text.split("\n\n", 1)[1])
    assert only is not None
    assert (only.step, only.host, only.others) == ("eod", "mx.d.example", ())


def test_an_acceptance_before_a_refusal_does_not_hide_it() -> None:
    fields = [
        f"Final-Recipient: rfc822; {who}\nRemote-MTA: dns; {host}\n"
        f"Diagnostic-Code: smtp; {reply}"
        for who, host, reply in (
            ("a@b.example", "mx.b.example", "250 2.0.0 Ok"),
            ("c@d.example", "mx.d.example", "550 5.1.1 Gone"),
        )
    ]
    found = pasted("\n\n".join(fields))
    assert found is not None
    assert (found.code, found.host) == (550, "mx.d.example")


@pytest.mark.parametrize("code", ["200", "404", "429", "587"])
def test_numbers_of_other_protocols_are_no_replies(code: str) -> None:
    assert pasted(f'{{"code": {code}, "message": "no"}}') is None
    assert pasted(f"Error: connect to a:{code}: {code} at x:1:2") is None


@pytest.mark.parametrize("times", [False, True])
@pytest.mark.parametrize("record", [plain, pipelined])
def test_our_own_text_of_a_session_is_explained_like_the_session(
    record: Callable[[], Record], times: bool
) -> None:
    transcript = Transcript([record()])
    said, read = explain(transcript), explain(transcript.text(times=times))
    codes = re.findall(r"\d{3} \d\.\d\.\d", said.headline)
    assert re.findall(r"\d{3} \d\.\d\.\d", read.headline) == codes


@pytest.mark.parametrize("peer", [("127.0.0.1", 38470), ("::1", 38470, 0, 0)])
@pytest.mark.parametrize("step", ["rcpt", "eod"])
def test_the_log_of_aiosmtpd_is_a_dialogue(peer: tuple[object, ...], step: str) -> None:
    """It writes what it reads behind >>, what it says behind <<, as octets."""
    no = ("<<", b"554 5.7.1 Not this\r\n")
    said = [(">>", b"RCPT TO:<joe@mx.example>"), no]
    if step == "eod":
        said[1:1] = [("<<", b"250 OK\r\n"), (">>", b"DATA"), ("<<", b"354 Go\r\n")]
    text = "\n".join(f"DEBUG:mail.log:{peer!r} {at} {octets!r}" for at, octets in said)
    case = cases.of_text(text)
    assert (case.code, case.enhanced, case.step) == (554, "5.7.1", step)
    assert case.text == "Not this"
