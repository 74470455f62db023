"""`%smtp send` and `%smtp bdat` in a real shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.error import UsageError

from smtpnb import LocalProtocolError
from smtpnb.protocol.errors import ReplyError

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_message_is_sent_in_one_line(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox")
    run("message = 'Subject: x\\n\\nhello\\n'")
    delivery = run("%smtp send {message} --from a@c.example --to <b@d.example>,c@d.e")
    assert delivery.ok
    assert [r.forward_path for r in delivery.recipients] == ["b@d.example", "c@d.e"]
    assert list(run("%smtp sandbox inbox")["octets"])[-1].endswith(b"hello\r\n")
    assert run("%smtp quit").code == 221


def test_an_email_message_needs_no_options(run: Callable[[str], Any]) -> None:
    run(
        "from email.message import EmailMessage\n"
        "m = EmailMessage()\nm['From'] = 'a@c.example'\nm['To'] = 'b@d.example'\n"
    )
    run("%smtp connect sandbox")
    assert repr(run("%smtp send {m} --quit")).startswith(
        "<Delivery accepted for 1 of 1: 250"
    )
    assert run("%smtp session").state.name == "CLOSED"


def test_a_message_in_chunks(run: Callable[[str], Any]) -> None:
    for line in ("connect sandbox", "ehlo", "mail a@b", "rcpt c@d"):
        run(f"%smtp {line}")
    assert run("%smtp bdat {b'Subject: x\\r\\n'}").code == 250
    assert run("%smtp bdat {b'\\r\\nhello\\r\\n'} --last").code == 250


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("send hello", "wants a message: {message}"),
        ("bdat hello", "wants octets: {b'text"),
        ("bdat {42}", "not int"),
    ],
)
def test_what_is_no_message_is_refused(
    run: Callable[[str], Any], line: str, said: str
) -> None:
    run("%smtp connect sandbox")
    with pytest.raises(UsageError, match=said):
        run(f"%smtp {line}")


CELL = "From: Ann <a@c.example>\nTo: b@d.example\nCc: c@d.example\n\n.{x}\n"


@pytest.mark.parametrize(
    ("options", "sender", "to"),
    [
        ("", "a@c.example", ["b@d.example", "c@d.example"]),
        ("--to e@f.example", "a@c.example", ["e@f.example"]),
        ("--from <>", "", ["b@d.example", "c@d.example"]),
    ],
)
def test_a_cell_is_sent_as_its_headers_say(
    run: Callable[[str], Any], options: str, sender: str, to: list[str]
) -> None:
    run("%smtp connect sandbox;")
    delivery = run(f"%%smtp send {options}\n{CELL}")
    assert [row.forward_path for row in delivery.recipients] == to
    inbox = run("%smtp sandbox inbox")
    assert list(inbox["mail_from"]) == [sender]
    assert list(inbox["octets"]) == [CELL.replace("\n", "\r\n").encode()]


def test_a_cell_is_expanded_only_if_asked(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;\nx = 'text'")
    assert run(f"%%smtp send --expand\n{CELL}").ok
    assert run("%smtp sandbox inbox")["octets"].iloc[0].endswith(b"\r\n.text\r\n")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (f"Bcc: secret@d.example\n{CELL}", "everybody would see its Bcc"),
        ("hello\n", "names 0 senders"),
        ("From: a@b\n\nhello\n", "needs a recipient"),
    ],
)
def test_a_cell_that_cannot_be_sent_is_told(
    run: Callable[[str], Any], cell: str, said: str
) -> None:
    run("%smtp connect sandbox;")
    with pytest.raises((UsageError, LocalProtocolError), match=said):
        run(f"%%smtp send\n{cell}")
    assert "MAIL" not in run("%smtp transcript text")


def test_no_message_is_told(run: Callable[[str], Any]) -> None:
    with pytest.raises(UsageError, match="send wants a message"):
        run("%smtp send")


@pytest.mark.parametrize(
    ("fault", "good", "bad"),
    [
        ("", "2", "550"),
        ("mail --reply '550 5.7.1 No'", "5.7.1", "2"),
        ("rcpt c@* --reply '450 4.2.1 Busy'", "", "2"),
        ("eod --reply '554 5.6.0 No'", "554", "25x"),
    ],
)
def test_what_each_recipient_got_can_be_expected(
    run: Callable[[str], Any], fault: str, good: str, bad: str
) -> None:
    if fault:
        run(f"%smtp sandbox fault {fault};")
    run("%smtp connect sandbox;\nm = 'Subject: x\\n\\nx\\n'")
    line = "send {m} --from a@b.example --to b@d.example,c@d.example"
    if good:
        assert run(f"%smtp {line} --expect {good}").recipients
    with pytest.raises(ReplyError, match=f"expected {bad}"):
        run(f"%smtp {line} --expect {bad}")


@pytest.mark.parametrize("line", ["transcript", "sessions", "explain", "lint", "panel"])
def test_what_has_no_reply_expects_none(run: Callable[[str], Any], line: str) -> None:
    with pytest.raises(UsageError, match="has no --expect"):
        run(f"%smtp {line} --expect 2")
