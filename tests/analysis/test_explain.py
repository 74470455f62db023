from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from smtpnb import ConnectionLost, Reply, Transcript
from smtpnb.analysis import Explanation, explain
from smtpnb.analysis.explain.advice import ADVICE, CREDENTIALS
from smtpnb.analysis.explain.explain import _RANK, _STEPS
from smtpnb.analysis.replies.rules import RULES
from tests.analysis.page import Page
from tests.analysis.rows import exchanges
from tests.transcript.logs import (
    DATA,
    MAIL,
    OK_TO,
    Log,
    cancelled_in_body,
    opened,
    pipelined,
    plain,
    refused_at_connect,
    starttls,
    unknown,
)

if TYPE_CHECKING:
    from smtpnb.wire.record import Record

FOR_GOOD, FOR_NOW = "For good (5yz)", "For now (4yz)"


def _of(record: Record) -> Explanation:
    return explain(Transcript([record]))


@pytest.mark.parametrize(
    ("thing", "headline", "permanence"),
    [
        (550, "The server refused: mailbox unavailable (550).", FOR_GOOD),
        (np.int64(550), "The server refused: mailbox unavailable (550).", FOR_GOOD),
        ("550", "The server refused: mailbox unavailable (550).", FOR_GOOD),
        (422, "The server refused: it gave no reason that we know (422).", FOR_NOW),
        (
            "5.7.26",
            (
                "The server refused: the sender's domain failed SPF, DKIM or DMARC "
                "(5.7.26)."
            ),
            FOR_GOOD,
        ),
        (
            (450, "4.2.0"),
            "The server refused: mailbox unavailable for now (450 4.2.0).",
            FOR_NOW,
        ),
        (
            "550 5.1.1 <x@y.example>: User unknown",
            "The server refused: it says that there is no such mailbox (550 5.1.1).",
            FOR_GOOD,
        ),
        (
            "422 4.2.2 Greylisted",
            (
                "The server refused: it does not know us yet and asks us to come back "
                "(greylisting) (422 4.2.2)."
            ),
            "For some minutes",
        ),
        (
            (454, "4.7.0", "TLS not available"),
            (
                "The server refused: its TLS does not work at the moment (RFC 3207 "
                "section 4) (454 4.7.0)."
            ),
            FOR_NOW,
        ),
        (
            "550 5.4.5 Daily user sending quota exceeded",
            "The server refused: we send too much or too fast (550 5.4.5).",
            "For good by its code (5yz), but a limit passes",
        ),
        (
            Reply(b"554-5.7.1 no\r\n554 5.7.1 Relay access denied\r\n"),
            (
                "The server refused: it does not carry mail for others "
                "(relaying denied) (554 5.7.1)."
            ),
            FOR_GOOD,
        ),
        (
            535,
            (
                "The server refused: it did not accept the user name or the password "
                "(535)."
            ),
            FOR_GOOD,
        ),
        (
            530,
            (
                "The server refused: it wants authentication first, or another kind of "
                "it (530)."
            ),
            FOR_GOOD,
        ),
        (250, "The server accepted (250).", "Nothing was refused"),
        ("2.1.5", "The server accepted (2.1.5).", "Nothing was refused"),
        (
            354,
            "The server goes on: it waits for what comes next (354).",
            "Nothing is decided yet",
        ),
    ],
)
def test_a_code_is_explained_as_a_postmaster_would(
    thing: Any, headline: str, permanence: str
) -> None:
    explanation = explain(thing)
    assert explanation.headline == headline
    assert explanation.permanence.startswith(permanence)
    assert explanation.next_steps or "accepted" in headline or "goes on" in headline


@pytest.mark.parametrize("nonsense", ["hello", "", "99", "12345", "1.2.3", 700, -5, 42])
def test_what_is_no_code_is_an_error(nonsense: Any) -> None:
    with pytest.raises(ValueError, match="no reply code"):
        explain(nonsense)


@pytest.mark.parametrize("nonsense", [None, True, 2.5, object()])
def test_what_cannot_be_explained_is_an_error(nonsense: Any) -> None:
    with pytest.raises(TypeError, match="explain"):
        explain(nonsense)


def test_a_bare_code_is_evidence_alone() -> None:
    assert explain(554).evidence[0] == "the reply code alone: permanent"
    assert (
        explain("550 5.1.1 No such user").evidence[1] == "rule user unknown: permanent"
    )


def test_a_contradiction_is_told_and_the_reply_code_counts() -> None:
    explanation = explain((552, "4.2.2"))
    assert explanation.permanence.startswith("For this message (5yz)")
    assert "4.2.2 contradicts 552, and the reply code counts" in explanation.evidence


def test_a_refused_recipient_is_named_with_its_host_and_step() -> None:
    explanation = _of(plain())
    assert explanation.headline == (
        "mx1.example.test refused the recipient <no@example.test>: it says that there "
        "is no such mailbox (550 5.1.1). Of 2 recipients: 1 accepted, 1 refused."
    )
    assert explanation.who == "mx1.example.test (192.0.2.1)"
    assert explanation.where == "At RCPT TO: this recipient only, not its neighbours."
    assert explanation.permanence.startswith(FOR_GOOD)
    assert explanation.next_steps[0].startswith("Check the spelling")
    assert explanation.evidence[0] == (
        "at rcpt <no@example.test>: 550 5.1.1 <no@example.test>: User unknown"
    )


def test_an_unknown_outcome_warns_of_sending_twice() -> None:
    explanation = _of(unknown())
    assert "Not known" in explanation.permanence
    assert "arrive twice" in explanation.next_steps[0]
    assert "1 unknown" in explanation.headline


@pytest.mark.parametrize(
    ("record", "headline"),
    [
        (
            refused_at_connect,
            "mx1.example.test: no connection could be made.",
        ),
        (
            starttls,
            (
                "mx1.example.test refused the authentication: it did not accept the "
                "user name or the password (535 5.7.8)."
            ),
        ),
        (
            cancelled_in_body,
            (
                "mx1.example.test: it was cancelled here, while sending the message. "
                "Of 2 recipients: 1 aborted, 1 refused."
            ),
        ),
        (
            pipelined,
            (
                "mx1.example.test refused the recipient <later@example.test>: mailbox "
                "unavailable for now (450 4.2.0). Of 2 recipients: 1 accepted, 1 "
                "deferred."
            ),
        ),
    ],
)
def test_a_session_is_explained_by_what_mattered_most(
    record: Any, headline: str
) -> None:
    assert _of(record()).headline == headline


def _refused(step: str, line: bytes, answer: bytes) -> Explanation:
    session = opened()
    session.say(step, line, answer)
    return _of(session.close())


def test_a_refused_sender_is_named() -> None:
    explanation = _refused(
        "mail", b"MAIL FROM:<ann@nowhere.test>\r\n", b"550 5.1.8 Sender refused\r\n"
    )
    assert "refused the sender <ann@nowhere.test>" in explanation.headline
    assert "before any recipient" in explanation.where


def test_a_null_sender_is_named_as_it_is() -> None:
    explanation = _refused("mail", b"MAIL FROM:<>\r\n", b"550 5.7.1 No bounces\r\n")
    assert "refused the sender <>" in explanation.headline


def test_a_session_without_trouble_says_so_and_names_the_queue_id() -> None:
    session = opened()
    session.say("mail", b"MAIL FROM:<a@client.test>\r\n", b"250 Ok\r\n")
    session.say("rcpt", b"RCPT TO:<ok@example.test>\r\n", b"250 Ok\r\n")
    session.say("data", b"DATA\r\n", b"354 Go\r\n")
    session.content(10, 1)
    session.reply(b"250 2.0.0 Ok: queued as E056A284323\r\n", session.dot())
    explanation = _of(session.close())
    assert explanation.headline == (
        "mx1.example.test accepted the message. Of 1 recipient: 1 accepted."
    )
    assert explanation.evidence == ("queue id E056A284323",)


def test_a_refusal_for_good_comes_before_one_for_now() -> None:
    session = opened("192.0.2.1")
    session.say("mail", b"MAIL FROM:<a@client.test>\r\n", b"250 Ok\r\n")
    session.say("rcpt", b"RCPT TO:<later@example.test>\r\n", b"450 4.2.0 Busy\r\n")
    session.say("rcpt", b"RCPT TO:<no@example.test>\r\n", b"550 5.1.1 Who?\r\n")
    explanation = _of(session.close())
    assert "<no@example.test>" in explanation.headline
    assert explanation.who == "192.0.2.1"
    assert "at rcpt <later@example.test>: 450 4.2.0 Busy" in explanation.evidence


def test_a_session_in_which_nothing_was_asked_refused_nothing() -> None:
    assert _of(opened().close()).headline == "mx1.example.test refused nothing."


def test_an_exchange_is_explained_in_whatever_form_its_row_comes() -> None:
    frame = Transcript([plain()]).exchanges()
    at = int((frame["code"] == 550).to_numpy().nonzero()[0][0])
    as_series = explain(frame.iloc[at])
    assert as_series.headline.startswith("mx1.example.test refused the recipient")
    assert explain(frame.iloc[[at]]) == as_series
    assert explain(next(frame.iloc[at:].itertuples())) == as_series
    assert explain(dict(frame.iloc[at])) == as_series
    with pytest.raises(ValueError, match="one exchange at a time"):
        explain(frame)
    with pytest.raises(KeyError):
        explain({"code": 550})


def test_an_exchange_without_a_reply_is_explained_by_its_fault() -> None:
    frame = Transcript([unknown()]).exchanges()
    explanation = explain(frame.iloc[-1])
    assert explanation.headline.startswith("mx1.example.test: no answer came in time")
    assert "may have been accepted" in explanation.permanence


def test_an_exchange_that_nobody_answered_was_not_accepted() -> None:
    frame = exchanges({"step": "rcpt", "argument": "TO:<a@b.test>"})
    explanation = explain(frame)
    assert explanation.headline == (
        "mx.example has not answered the recipient <a@b.test>."
    )
    assert explanation.permanence == "Nothing is decided yet."
    assert not explanation.evidence


def test_content_that_broke_off_inside_a_chunk_is_not_called_sent() -> None:
    frame = exchanges(
        {"step": "eod", "verb": "BDAT", "error_type": "ConnectionLost"},
    )
    assert explain(frame).permanence == "Nothing was decided."


def test_a_frame_of_events_is_explained_as_its_transcript() -> None:
    transcript = Transcript([starttls(), plain()])
    assert explain(transcript.events()) == explain(transcript)
    assert "authentication" in explain(transcript, session=0).headline


def test_without_a_session_there_is_nothing_to_explain() -> None:
    assert explain(Transcript([])).headline.startswith("Nothing was recorded")


def test_every_reason_has_advice() -> None:
    reasons = {rule.reason for rule in RULES} | {CREDENTIALS}
    assert reasons <= set(ADVICE)
    assert all(advice.steps for advice in ADVICE.values())


def test_every_step_has_a_rank() -> None:
    assert set(_RANK) == set(_STEPS)


def test_text_of_a_server_does_nothing_in_an_explanation() -> None:
    session = Log("evil.test\u202e<script>")
    session.connect()
    session.greeting()
    session.say(
        "rcpt",
        b"RCPT TO:<<b>x@y>\r\n",
        b"550-5.1.1 <script>alert(1)</script>\x1b[2J\r\n550 5.1.1 \xe2\x80\xae\r\n",
    )
    explanation = _of(session.close())
    page = Page(explanation._repr_html_())
    assert page.tags <= {"div", "p", "b", "table", "tr", "th", "td", "ul", "li"}
    for field in (explanation.text, str(explanation), *map(str, explanation)):
        assert field.replace("\n", "").isprintable()


def test_the_text_has_all_there_is() -> None:
    explanation = _of(plain())
    lines = explanation.text.split("\n")
    assert lines[0] == explanation.headline
    for name in ("Who: ", "Where: ", "How permanent: ", "What next:", "Evidence:"):
        assert any(line.startswith(name) for line in lines)
    for item in (*explanation.next_steps, *explanation.evidence):
        assert f"  - {item}" in lines


@pytest.mark.parametrize(
    "echoes",
    [
        b"503 5.5.1 No recipients\r\n",
        b"421 4.7.0 Too many errors\r\n",
        b"554 No valid recipients\r\n",
    ],
)
def test_the_cause_leads_and_what_follows_from_it_does_not(echoes: bytes) -> None:
    session = opened()
    first = session.group(MAIL, OK_TO, DATA)
    session.replies(b"250 Ok\r\n550 5.1.1 Unknown user\r\n" + echoes, first, wait=2.0)
    said = explain(Transcript([session.close()]))
    assert "no such mailbox (550 5.1.1)" in said.headline
    assert "refused the recipient" in said.headline
    assert any(echoes[:3].decode() in line for line in said.evidence)


def test_a_421_while_nobody_spoke_is_named() -> None:
    session = opened()
    session.note("surplus", "421 4.4.2 mx.example Error: timeout exceeded\r\n")
    session.group(MAIL)
    session.error("mail", "ConnectionLost", "the server had ended the session")
    said = explain(Transcript([session.close("lost")]))
    assert "silent too long" in said.headline
    assert "421" in said.headline


@pytest.mark.parametrize("outcome", ["unknown", "aborted", None])
@pytest.mark.parametrize("last", [b"250 2.1.5 ok\r\n", b"354 go on\r\n"])
def test_the_last_reply_is_no_explanation_of_a_fault(
    outcome: str | None, last: bytes
) -> None:
    error = ConnectionLost("the server closed the connection")
    error.reply, error.outcome = Reply(last), outcome
    said = explain(error)
    assert "connection broke" in said.headline
    assert said.permanence.startswith("Not known") is (outcome == "unknown")


def test_but_a_refusal_that_came_before_it_is() -> None:
    error = ConnectionLost("the server closed the connection")
    error.reply, error.outcome = Reply(b"421 4.3.2 shutting down\r\n"), "aborted"
    assert "421" in explain(error).headline
    error.outcome = "unknown"
    assert explain(error).permanence.startswith("Not known")
