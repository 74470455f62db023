from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.text import Text

from smtpnb import Transcript
from smtpnb.analysis import compare, describe_compare, plot_compare
from smtpnb.analysis.compare import facts, volatile
from smtpnb.analysis.palettes import LIGHT
from tests.transcript.logs import (
    Log,
    opened,
    pipelined,
    plain,
    refused_at_connect,
    starttls,
)

if TYPE_CHECKING:
    from pathlib import Path

    from smtpnb.analysis.compare.volatile import Names
    from smtpnb.wire.record import Record


def _asked(
    *answers: bytes, host: str = "mx1.example.test", wait: float = 1.0
) -> Record:
    """A session with two NOOP for each answer: one is no sample."""
    session = opened(host)
    for answer in [answer for answer in answers for _ in range(2)]:
        session.say("noop", b"NOOP\r\n", answer, wait=wait)
    return session.close()


def _changes(a: Transcript, b: Transcript, by: str = "host") -> dict[str, str]:
    frame = compare(a, b, by=by)
    changed = frame[frame["change"] != "same"]
    return dict(zip(changed["item"], changed["change"], strict=True))


def test_nothing_changed_between_a_day_and_itself() -> None:
    day = Transcript([plain(), starttls()])
    frame = compare(day, day)
    assert set(frame["change"]) == {"same"}
    assert (frame["delta"].dropna() == 0).all()
    assert describe_compare(frame) == (
        "Nothing but latency changed. Latency is about the same."
    )


def test_an_extension_that_came_and_one_that_went_are_told() -> None:
    session = Log()
    session.connect()
    session.greeting()
    ehlo = b"250-mx1.example.test\r\n250-SIZE 100000\r\n250 CHUNKING\r\n"
    session.say("ehlo", b"EHLO client.test\r\n", ehlo, wait=1.0, receive=0.5)
    frame = compare(Transcript([opened().close()]), Transcript([session.close()]))
    rows = frame.set_index("item")
    assert rows["change"]["capability CHUNKING"] == "added"
    assert rows["change"]["capability PIPELINING"] == "removed"
    assert rows["change"]["capability SIZE"] == "changed"
    assert rows["delta"]["capability SIZE"] == -100_000


def test_another_queue_id_is_no_change_and_another_policy_is() -> None:
    a = _asked(b"250 2.0.0 Ok: queued as AAAA111122\r\n")
    b = _asked(b"250 2.0.0 Ok: queued as BBBB333344\r\n")
    c = _asked(b"250 2.0.0 Ok: we shall see\r\n")
    assert _changes(Transcript([a]), Transcript([b])) == {}
    assert _changes(Transcript([a]), Transcript([c])) == {
        "text noop 250 2.0.0": "changed"
    }


def test_the_share_of_each_reply_is_compared() -> None:
    a = Transcript([_asked(*[b"250 Ok\r\n"] * 9, b"450 4.2.0 no\r\n")])
    b = Transcript([_asked(*[b"250 Ok\r\n"] * 5, *[b"450 4.2.0 no\r\n"] * 5)])
    row = compare(a, b).set_index("item").loc["reply noop 450 4.2.0"]
    assert list(row[["a", "b", "change"]]) == ["2 of 20", "10 of 20", "changed"]
    assert row["delta"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [(10.0, 15.0, "changed"), (10.0, 14.0, "same"), (0.1, 0.5, "same"),
     (15.0, 10.0, "changed")],
)  # fmt: skip
def test_a_latency_changes_by_half_and_a_millisecond(
    before: float, after: float, change: str
) -> None:
    a = Transcript([_asked(b"250 Ok\r\n", wait=before)])
    b = Transcript([_asked(b"250 Ok\r\n", wait=after)])
    row = compare(a, b).set_index("item").loc["p50_ms noop"]
    assert row["change"] == change
    assert row["delta"] == pytest.approx(after - before)


def test_two_servers_are_paired() -> None:
    a = Transcript([_asked(b"250 Ok\r\n")])
    b = Transcript([_asked(b"250 Ok\r\n", host="mx2.example.test")])
    frame = compare(a, b)
    assert set(frame["by"]) == {"mx1.example.test -> mx2.example.test"}


def test_a_host_that_only_one_side_met_has_one_row() -> None:
    a = Transcript([plain(), opened("b.test").close()])
    b = Transcript([plain(), opened("c.test").close()])
    frame = compare(a, b).set_index("by")
    assert list(frame.loc[["b.test", "c.test"], "change"]) == ["removed", "added"]


def test_a_host_that_never_answered_has_only_what_happened() -> None:
    down = Transcript([refused_at_connect()])
    assert list(compare(down, down)["item"]) == ["sessions", "tls_mode"]


def test_another_column_may_divide_the_two() -> None:
    frame = compare(Transcript([plain()]), Transcript([plain()]), by="peer_ip")
    assert set(frame["by"]) == {"192.0.2.1"}
    with pytest.raises(KeyError):
        compare(Transcript([plain()]), Transcript([plain()]), by="nothing")


def test_frames_of_events_give_the_same_answer() -> None:
    a, b = Transcript([plain()]), Transcript([starttls()])
    assert compare(a.events(), b.events()).equals(compare(a, b))


def test_one_sample_never_changed() -> None:
    """Of one reply each, nobody knows whether it was slower or just later."""
    days = [opened(), opened()]
    for day, wait in zip(days, (10.0, 90.0), strict=True):
        day.say("noop", b"NOOP\r\n", b"250 Ok\r\n", wait=wait)
    frame = compare(*(Transcript([day.close()]) for day in days))
    assert set(frame["change"]) == {"same"}
    assert frame.set_index("item")["delta"]["p50_ms noop"] == pytest.approx(80.0)


def test_a_share_that_one_reply_moves_did_not_change() -> None:
    ok, no = b"250 Ok\r\n", b"450 4.2.0 no\r\n"
    days = [opened(), opened()]
    for day, replies in zip(days, ([ok, no, ok], [ok, no, no]), strict=True):
        for reply in replies:
            day.say("noop", b"NOOP\r\n", reply)
    frame = compare(*(Transcript([day.close()]) for day in days))
    assert set(frame["change"]) == {"same"}


def _refusing(greeting: bytes, *refusals: bytes, host: str = "a.test") -> Record:
    session = Log(host)
    session.connect()
    session.greeting(greeting)
    session.say("ehlo", b"EHLO me.test\r\n", b"250 mx.example.test\r\n")
    session.say("mail", b"MAIL FROM:<a@me.test>\r\n", b"250 2.1.0 Ok\r\n")
    for refusal in refusals:
        session.say("rcpt", b"RCPT TO:<b@c.test>\r\n", refusal)
    return session.close()


POSTFIX = b"220 a.test ESMTP Postfix\r\n"
EXIM = b"220 b.test ESMTP Exim 4.96 Tue, 24 Nov 2026 10:00:00 +0000\r\n"


def test_two_makes_of_server_are_compared_by_what_their_replies_mean() -> None:
    a = _refusing(POSTFIX, b"550 5.1.1 <b@c.test>: Recipient address rejected: "
                  b"User unknown in local recipient table\r\n")  # fmt: skip
    b = _refusing(EXIM, b"550 Unknown user\r\n", host="b.test")
    frame = compare(Transcript([a]), Transcript([b]))
    replies = frame[frame["item"].str.startswith("reply")].set_index("item")
    assert set(replies["change"]) == {"same"}
    assert {"reply greeting accepted", "reply mail accepted"} <= set(replies.index)
    (refused,) = [item for item in replies.index if item.startswith("reply rcpt")]
    assert refused.startswith("reply rcpt refused: ")
    assert not frame["item"].str.startswith("text").any()
    assert frame.set_index("item")["change"]["software"] == "changed"


def test_what_another_make_takes_or_refuses_is_told() -> None:
    a = _refusing(POSTFIX, b"250 2.1.5 Ok\r\n")
    b = _refusing(EXIM, b"550 Unknown user\r\n", host="b.test")
    changes = _changes(Transcript([a]), Transcript([b]))
    assert changes.pop("reply rcpt accepted") == "removed"
    (item,) = [item for item in changes if item.startswith("reply rcpt")]
    assert changes[item] == "added"


def test_two_servers_of_one_make_are_compared_by_their_words() -> None:
    a = _refusing(POSTFIX, b"550 5.1.1 no\r\n")
    other = POSTFIX.replace(b"a.test", b"b.test")
    b = _refusing(other, b"554 5.7.1 no\r\n", host="b.test")
    assert _changes(Transcript([a]), Transcript([b])) == {
        "reply rcpt 550 5.1.1": "removed",
        "text rcpt 550 5.1.1": "removed",
        "reply rcpt 554 5.7.1": "added",
        "text rcpt 554 5.7.1": "added",
    }


def test_two_ports_of_a_host_are_two_services() -> None:
    mx, msa = Log(), Log(port=587)
    for session in (mx, msa):
        session.connect()
        session.greeting()
    auth = b"250-mx1.example.test\r\n250 AUTH PLAIN\r\n"
    mx.say("ehlo", b"EHLO me.test\r\n", b"250 mx1.example.test\r\n")
    msa.say("ehlo", b"EHLO me.test\r\n", auth)
    both = Transcript([mx.close(), msa.close()])
    frame = compare(both, both)
    names = {"mx1.example.test:25", "mx1.example.test:587"}
    assert set(frame["by"]) == names
    offering = frame[frame["item"] == "capability AUTH"]["by"]
    assert list(offering) == ["mx1.example.test:587"]
    for by in ("port", ["port"], ["host", "port"]):
        assert len(set(compare(both, both, by=by)["by"])) == 2
    assert set(compare(both, both, by="host")["by"]) == {"mx1.example.test"}


def test_replies_that_queue_are_told_apart() -> None:
    frame = compare(Transcript([pipelined()]), Transcript([plain()]))
    items = set(frame["item"])
    assert {"p50_ms rcpt", "p50_ms rcpt grouped"} <= items


# pandas 2 says of its own concat that empty columns will count one day
@pytest.mark.filterwarnings("ignore:The behavior of DataFrame conc:FutureWarning")
def test_frames_that_pandas_put_together_are_compared() -> None:
    """Concat makes text of categories that are not the same on both sides."""
    one, other = Transcript([plain()]), Transcript([opened("b.test").close()])
    events = pd.concat([one.events(), other.events()], ignore_index=True)
    assert set(compare(events, events)["change"]) == {"same"}


def test_many_servers_are_grouped_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work grows with what differs, not with servers times tables."""
    calls: Counter[str] = Counter()

    def counted(text: str, names: Names) -> str:
        calls["settle"] += 1
        return volatile.settle(text, names)

    monkeypatch.setattr(facts, "settle", counted)
    group = pd.DataFrame.groupby

    def grouped(self: pd.DataFrame, *args: Any, **kwargs: Any) -> Any:
        calls["groupby"] += 1
        return group(self, *args, **kwargs)

    monkeypatch.setattr(pd.DataFrame, "groupby", grouped)
    for n in (2, 40):
        calls.clear()
        records = [opened(f"mx{i}.test").close() for i in range(n)]
        frame = compare(Transcript(records), Transcript(records))
        assert frame["by"].nunique() == n
        assert calls["groupby"] <= 20
        assert calls["settle"] <= 2 * n


def test_nothing_compared_with_nothing_is_empty(tmp_path: Path) -> None:
    frame = compare(Transcript([]), Transcript([]))
    assert frame.empty
    columns = ["by", "item", "a", "b", "change", "delta"]
    assert list(frame.columns) == columns
    assert describe_compare(frame) == "There is nothing to compare."
    plot_compare(frame).savefig(tmp_path / "empty.png")


def test_the_picture_lists_the_changes_and_draws_the_latencies(tmp_path: Path) -> None:
    a = Transcript([_asked(b"250 $^$\r\n", wait=10.0)])
    b = Transcript([_asked(b"450 4.2.0 no\r\n", wait=40.0, host="mx2.example.test")])
    figure = plot_compare(compare(a, b))
    figure.savefig(tmp_path / "compare.png")  # mathtext would raise
    above, below = figure.axes[0].child_axes
    listed = [text.get_text() for text in above.texts]
    assert "n = 2 changes" in listed
    assert {"mx1.example.test", "mx2.example.test", "reply noop 250"} <= set(listed)
    beside = [text.get_text() for text in below.texts]
    assert "10.0 ms to 40.0 ms, 4.0 times as slow" in beside


def test_the_two_sides_can_be_given_names(tmp_path: Path) -> None:
    days = [Transcript([_asked(b"250 Ok\r\n", wait=ms)]) for ms in (10.0, 40.0)]
    figure = plot_compare(compare(*days), "Monday $^$", "Tuesday")
    figure.savefig(tmp_path / "compare.png")  # mathtext would raise
    above, below = figure.axes[0].child_axes
    listed = {text.get_text() for text in above.texts}
    assert {"Monday $^$", "Tuesday"} <= listed
    assert "Monday $^$ hollow, Tuesday full" in below.get_xlabel()


def test_of_many_steps_only_those_that_moved_are_drawn() -> None:
    hosts = [f"mx{at}.example.test" for at in range(13)]
    a = Transcript([_asked(b"250 Ok\r\n", wait=10.0, host=host) for host in hosts])
    slow = {hosts[3]: 90.0}
    b = Transcript(
        [_asked(b"250 Ok\r\n", wait=slow.get(host, 10.0), host=host) for host in hosts]
    )
    _, below = plot_compare(compare(a, b)).axes[0].child_axes
    assert [text.get_text() for text in below.get_yticklabels()] == [
        "noop, mx3.example.test"
    ]
    assert below.get_xlabel().endswith("steps about the same")
    _, below = plot_compare(compare(a, a)).axes[0].child_axes
    assert below.texts[0].get_text() == "latency is about the same"


def test_a_reply_that_never_came_is_told_in_words() -> None:
    a = Transcript([_asked(b"250 Ok\r\n")])
    hung_up = opened("mx1.example.test")
    hung_up.send(("noop", "NOOP", b"NOOP\r\n"))
    b = Transcript([hung_up.close()])
    assert "no reply at noop" in describe_compare(compare(a, b))


def test_the_words_name_what_changed() -> None:
    a = Transcript([_asked(b"250 Ok\r\n", wait=10.0)])
    b = Transcript([_asked(b"450 4.2.0 no\r\n", wait=40.0)])
    assert describe_compare(compare(a, b)) == (
        "1 added: reply noop 450 4.2.0. 1 removed: reply noop 250. "
        "Median latency moved: noop 10.0 ms to 40.0 ms."
    )


def test_what_follows_from_having_no_tls_is_not_told_again() -> None:
    a, b = Transcript([starttls()]), Transcript([opened().close()])
    said = describe_compare(compare(a, b))
    assert "changed: tls_mode" in said
    assert "tls_version" not in said
    assert "after TLS" not in said


def test_a_dollar_in_a_reply_is_no_formula(tmp_path: Path) -> None:
    a = Transcript([_asked(b"250 $^$\r\n")])
    b = Transcript([_asked(b"250 $x_{y}$\r\n")])
    figure = plot_compare(compare(a, b))
    figure.savefig(tmp_path / "compare.png")  # mathtext would raise
    assert "$x_{y}$" in [text.get_text() for text in figure.findobj(Text)]


def test_the_picture_takes_what_its_question_takes() -> None:
    a, b = Transcript([plain()]), Transcript([starttls()])
    said = describe_compare(compare(a, b))
    for one, other in ((a, b), (a.events(), b.events()), (a, b.events())):
        assert plot_compare(one, other).axes
        assert describe_compare(one, other) == said
    with pytest.raises(ValueError, match="the other one"):
        plot_compare(a)


def test_a_refusal_that_came_is_not_green() -> None:
    a = _asked(b"250 2.0.0 Ok\r\n")
    b = _asked(b"450 4.2.0 no\r\n")
    figure = plot_compare(Transcript([a]), Transcript([b]))
    above, _ = figure.axes[0].child_axes
    rows = {
        text.get_text(): above.patches[round(text.get_position()[1])].get_facecolor()
        for text in above.texts
        if text.get_text().startswith("reply")
    }
    assert rows["reply noop 450 4.2.0"] == to_rgba(LIGHT.bad)
    assert to_rgba(LIGHT.good) not in rows.values()


def test_a_host_that_moved_to_another_port_is_compared_with_itself() -> None:
    def day(*ports: int) -> Transcript:
        logs = [Log("a.test", port) for port in ports]
        for log in [*logs, other := Log("b.test")]:
            log.connect()
            log.greeting()
        return Transcript([log.close() for log in [*logs, other]])

    moved = set(compare(day(25), day(2525))["by"])
    assert moved == {"b.test", "a.test:25 -> a.test:2525"}
    # Of two there is no telling which one it was.
    split = compare(day(25), day(2525, 2526))
    assert set(split["by"]) == {"b.test", "a.test:25", "a.test:2525", "a.test:2526"}
