from __future__ import annotations

from typing import Any, Final

import pandas as pd
import pytest

from smtpnb import Transcript
from smtpnb.analysis import describe_slo, plot_slo, slo
from tests.analysis.rows import SECOND, T0, sessions
from tests.transcript.logs import Log, pipelined, plain

HOUR = 3600 * SECOND
START = T0 - T0 % HOUR


def _sessions(*rows: tuple[int, float, str | None]) -> pd.DataFrame:
    """Sessions: in which hour, how long in ms, how it ended."""
    return sessions(
        *(
            {"ts": START + hour * HOUR, "total_ms": took, "outcome": outcome}
            for hour, took, outcome in rows
        )
    )


def test_a_good_session_succeeds_in_time() -> None:
    frame = _sessions((0, 100, "success"), (0, 3000, "success"), (0, 100, "io-timeout"))
    (row,) = slo(frame, target=0.5).to_dict("records")
    assert (row["n"], row["good"]) == (3, 1)
    assert row["availability"] == pytest.approx(1 / 3)
    assert row["burn_rate"] == pytest.approx(4 / 3)
    assert row["budget_left"] == pytest.approx(-1 / 3)


def test_the_time_a_user_thinks_does_not_count() -> None:
    frame = sessions({"total_ms": 9000.0, "other_ms": 8000.0})
    (row,) = slo(frame).to_dict("records")
    assert (row["good"], row["p95_ms"]) == (1, 1000)


def test_the_budget_is_that_of_all_windows_so_far() -> None:
    rows = [(0, 1.0, "success")] * 10 + [(1, 1.0, "success")] * 9
    frame = _sessions(*rows, (1, 1.0, "protocol-error"))
    table = slo(frame, target=0.9)
    assert list(table["budget_left"].round(9)) == [1, 0.5]
    assert list(table["burn_rate"].round(9)) == [0, 1]
    assert list(table["window"].diff().dropna()) == [pd.Timedelta("1h")]


def test_what_is_open_or_cancelled_says_nothing() -> None:
    frame = _sessions((0, 1, None), (0, 1, "cancelled"), (0, 1, "success"))
    assert list(slo(frame)["n"]) == [1]


def test_the_objective_and_the_window_are_the_users() -> None:
    frame = _sessions((0, 500, "success"), (1, 100, "success"))
    assert list(slo(frame, objective_ms=200, freq="1D")["good"]) == [1]


@pytest.mark.parametrize("target", [1.0, 99, -0.1])
def test_a_target_is_a_share_below_one(target: float) -> None:
    with pytest.raises(ValueError, match="share"):
        slo(sessions(), target=target)


def test_no_sessions_give_no_windows() -> None:
    assert slo(sessions()).empty
    assert slo(_sessions((0, 1, None))).empty


def _texts(figure: Any) -> list[str]:
    (ax,) = figure.axes
    return [text.get_text() for text in ax.texts]


def test_the_picture_writes_each_share_and_number() -> None:
    frame = _sessions(
        (0, 1, "success"), (1, 1, "success"), (1, 1, "io-timeout"), (2, 1, "success")
    )
    figure = plot_slo(slo(frame))
    assert _texts(figure) == ["100.0 %\nn=1", "50.0 %\nn=2", "100.0 %\nn=1"]
    assert max(figure.axes[0].get_yticks()) <= 100


def test_the_picture_of_many_windows_has_no_room_for_values() -> None:
    frame = _sessions(*((hour, 1.0, "success") for hour in range(50)))
    (worst,) = _texts(plot_slo(slo(frame)))  # and so only the worst is named
    assert worst == "100.0 %\nn=1"


def test_the_words_tell_what_is_left() -> None:
    frame = _sessions((0, 1, "success"), (1, 1, "io-timeout"))
    said = describe_slo(slo(frame, target=0.5), target=0.5)
    assert said == (
        "1 of 2 messages or sessions without a recipient: good (50.00%, target 0.5). "
        "1 of 2 windows missed it; 0% of the budget is left."
    )


def test_nothing_has_a_picture() -> None:
    nothing = slo(sessions())
    assert _texts(plot_slo(nothing)) == ["nothing has ended"]
    assert describe_slo(nothing) == "Nothing has ended."


def test_a_transcript_can_be_judged(transcript: Transcript) -> None:
    table = slo(transcript)
    # One was delivered to, one refused; and a session never got as far.
    assert (table["n"].sum(), table["n_recipients"].sum()) == (3, 2)
    assert table["good"].sum() == 1
    assert plot_slo(table).axes


EHLO: Final = ("ehlo", b"EHLO me.test\r\n", b"250 mx.example.test\r\n")
MAIL: Final = ("mail", b"MAIL FROM:<a@me.test>\r\n", b"250 Ok\r\n")
RCPT: Final = ("rcpt", b"RCPT TO:<b@c.test>\r\n", b"250 Ok\r\n")
LATER: Final = ("rcpt", b"RCPT TO:<d@c.test>\r\n", b"451 4.7.1 Later\r\n")
NEVER: Final = ("rcpt", b"RCPT TO:<e@c.test>\r\n", b"550 5.1.1 Who\r\n")
RSET: Final = ("rset", b"RSET\r\n", b"250 Ok\r\n")


def _talk(*said: tuple[str, bytes, bytes]) -> Log:
    talk = Log()
    talk.connect()
    talk.greeting()
    for step, line, reply in said:
        talk.say(step, line, reply, wait=10.0)
    return talk


def _no_hello() -> Log:
    return _talk(
        ("ehlo", b"EHLO me.test\r\n", b"502 No\r\n"),
        ("ehlo", b"HELO me.test\r\n", b"550 No\r\n"),
        ("quit", b"QUIT\r\n", b"221 Bye\r\n"),
    )


def _down() -> Log:
    talk = Log()
    talk.connect(0.3, "Connection refused")
    talk.error("connect", "ConnectError", "Connection refused")
    return talk


def _lost_at_mail() -> Log:
    talk = _talk(EHLO)
    talk.send((*MAIL[:1], "MAIL", MAIL[1]))
    talk.error("mail", "ConnectionLost", "the server closed the connection")
    return talk


# What happened: how much of it counts, how many recipients, how many are good.
COUNTED: Final[dict[str, tuple[Log, int, int, int]]] = {
    "refused for now": (_talk(EHLO, MAIL, LATER), 1, 1, 0),
    "refused for good": (_talk(EHLO, MAIL, NEVER, NEVER), 2, 2, 0),
    "MAIL refused": (_talk(EHLO, (*MAIL[:2], b"450 No\r\n")), 1, 0, 0),
    "EHLO and HELO refused": (_no_hello(), 1, 0, 0),
    "nobody listens": (_down(), 1, 0, 0),
    "asked for what it offers": (_talk(EHLO), 1, 0, 1),
    "broken off by the user": (_talk(EHLO, MAIL, RCPT, RSET), 0, 0, 0),
    "refused, then broken off": (_talk(EHLO, MAIL, RCPT, NEVER, RSET), 1, 1, 0),
    "lost before its end": (_lost_at_mail(), 1, 0, 0),
}


@pytest.mark.parametrize("what", COUNTED)
def test_what_became_of_recipients_counts(what: str) -> None:
    talk, n, recipients, good = COUNTED[what]
    table = slo(Transcript([talk.close()]))
    sums = table[["n", "n_recipients", "good"]].sum().to_list()
    assert sums == [n, recipients, good]


def test_a_server_that_refuses_everybody_keeps_no_promise() -> None:
    (row,) = slo(Transcript([_talk(EHLO, MAIL, LATER).close()])).to_dict("records")
    assert (row["availability"], row["n_recipients"]) == (0.0, 1)
    assert row["budget_left"] < 0


def test_a_refusal_for_good_may_be_a_service_too() -> None:
    transcript = Transcript([_talk(EHLO, MAIL, NEVER, LATER).close()])
    table = slo(transcript, good=["delivered", "rejected"])
    assert list(table["availability"]) == [0.5]


def test_sessions_alone_do_not_tell_what_became_of_their_mail() -> None:
    transcript = Transcript([plain()])
    with pytest.raises(ValueError, match="had 1 transactions"):
        slo(transcript.sessions())
    for frame in (transcript.events(), transcript.transactions()):
        assert list(slo(frame)["n_recipients"]) == [2]
    with pytest.raises(ValueError, match="give the transcript"):
        slo(transcript.exchanges())


def test_a_message_is_timed_without_the_pauses_of_who_types() -> None:
    talk = _talk(EHLO)
    talk.wait(60_000.0)
    for step, line, reply in (MAIL, RCPT, RSET):
        talk.wait(60_000.0)
        talk.say(step, line, reply, wait=10.0)
    for step, line, reply in (MAIL, LATER):
        talk.say(step, line, reply, wait=10.0)
    (took,) = slo(Transcript([talk.close()]))["p95_ms"]
    assert took == pytest.approx(20.04)  # of the second transaction


def test_the_first_message_of_a_session_waits_for_the_connection_too() -> None:
    (took,) = slo(Transcript([_talk(EHLO, MAIL, LATER).close()]))["p95_ms"]
    assert took == pytest.approx(5 + 3 + 3 * 10.02)


def test_the_picture_takes_what_its_question_takes() -> None:
    transcript = Transcript([plain()])
    for given in (transcript, transcript.events(), slo(transcript)):
        (ax,) = plot_slo(given).axes
        said = "2 recipients; target 0.99 (dashed), missed in 1 of 1 windows (x);"
        assert said in ax.get_xlabel()
        assert describe_slo(given).startswith("1 of 2 recipients: good (50.00%")


def test_a_group_is_waited_for_once() -> None:
    (took,) = slo(Transcript([pipelined()]))["p95_ms"]
    sessions = Transcript([pipelined()]).sessions()
    assert took <= float(sessions["total_ms"].iloc[0])
