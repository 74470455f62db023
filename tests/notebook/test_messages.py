"""`%smtp send` and `%smtp bdat` in a real shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.error import UsageError

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
