"""What an answer looks like, as text and as a page."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from smtpnb import Sandbox, SmtpClient
from smtpnb.notebook.answers import Answer
from smtpnb.protocol.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTILE = b"250-x\r\n250-SIZE <script>\r\n250 \x1b[31m<b>$x$\xe2\x80\xae\r\n"


def test_an_answer_is_its_reply_with_words() -> None:
    answer = Answer(b"550 5.1.1 No such user\r\n", "rcpt", 0.5)
    assert answer == Reply(answer.octets)
    assert hash(answer) == hash(Reply(answer.octets))
    assert repr(answer).startswith("550 5.1.1 No such user  (refused: ")
    assert "500 ms" in answer._repr_html_()
    assert "under 1 ms" in Answer(answer.octets, "rcpt", 0.0004)._repr_html_()
    again = pickle.loads(pickle.dumps(answer))
    assert (again, again.verb, again.seconds) == (answer, "rcpt", 0.5)


def test_what_a_server_offers_is_inert() -> None:
    html = Answer(HOSTILE, "ehlo")._repr_html_()
    assert "<script>" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "mathjax_ignore" in html
    assert "rfc1870" in html


def test_starttls_says_what_verified_or_did_not(run: Callable[[str], Any]) -> None:
    port = run("%smtp sandbox").port
    run(f"%smtp connect localhost:{port};\n%smtp ehlo;")
    shown = run("%smtp starttls --verify report")
    for text in (repr(shown), shown._repr_html_()):
        assert "TLSv1.3" in text
        assert "NOT verified" in text
    run("%smtp connect sandbox --tls starttls;")
    run("%smtp connect sandbox;\n%smtp ehlo;")
    shown = run("%smtp starttls")
    assert "certificate: verified" in repr(shown)


def test_send_shows_its_recipients_in_the_shell(
    run: Callable[[str], Any], shell: Any
) -> None:
    run(
        "%smtp connect sandbox;\n"
        "%smtp sandbox fault rcpt no* --reply '550 5.1.1 <i>No';"
    )
    run("m = 'Subject: x\\n\\nhello\\n'")
    delivery = run("%smtp send {m} --from a@b.example --to nobody@c.d,bob@c.d")
    shown = shell.display_formatter.format(delivery)[0]
    for kind in ("text/plain", "text/html"):
        assert "nobody@c.d" in shown[kind]
        assert "550" in shown[kind]
        assert "bob@c.d" in shown[kind]
    assert "1 of 2 recipients accepted" in shown["text/plain"]
    assert "<i>" not in shown["text/html"]


def test_ehlo_has_a_word_and_a_link_for_all_that_the_sandbox_offers() -> None:
    with (
        Sandbox(tls="implicit", auth={"a": "b"}, prdr=True) as sandbox,
        SmtpClient() as client,
    ):
        client.connect(sandbox)
        reply = client.ehlo()
        offered = client.capabilities
    page = Answer(reply.octets, "ehlo")._repr_html_()
    assert "not registered" not in page
    assert page.count('<a href="https://') == len(offered)


def test_what_is_offered_is_shown_once_and_can_be_seen_as_it_was_said() -> None:
    html = Answer(b"250-mx.example\r\n250-SIZE 10\r\n250 X-OWN <b>\r\n", "ehlo")
    shown, _, said = html._repr_html_().partition("<details")
    assert shown.count("<td") == 6
    assert "mx.example" in shown
    assert "10\n" not in shown
    assert "<pre>SIZE 10\nX-OWN &lt;b&gt;</pre>" in said
    for octets in (b"250 mx.example\r\n", b"550 No\r\n"):
        assert "<details" not in Answer(octets, "ehlo")._repr_html_()
