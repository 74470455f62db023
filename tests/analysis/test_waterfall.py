from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

from smtpnb import Transcript
from smtpnb.analysis import describe_waterfall, plot_waterfall, style, waterfall
from smtpnb.analysis.figure import ShownFigure
from smtpnb.transcript import SavedTranscript, events, tables
from smtpnb.transcript.tables import events_frame
from tests.transcript.logs import opened, pipelined, plain

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from smtpnb.transcript import Event


def _texts(figure: Figure) -> list[str]:
    (ax,) = figure.axes
    return [text.get_text() for text in (*ax.get_yticklabels(), *ax.texts)]


def test_everything_that_took_time_has_a_row_in_order(transcript: Transcript) -> None:
    rows = waterfall(transcript)
    assert list(rows["label"]) == [
        "connect",
        "greeting",
        "EHLO client.example",
        "STARTTLS",
        "TLS handshake",
        "EHLO client.example",
        "MAIL FROM:<ann@client.example>",
        "RCPT TO:<bob@sandbox.example>",
        "RCPT TO:<nobody@sandbox.example>",
        "DATA",
        "message and dot",
        "QUIT",
    ]
    assert rows["start_ms"].is_monotonic_increasing


def test_no_row_begins_before_the_one_above_it_ended(transcript: Transcript) -> None:
    rows = waterfall(transcript)
    ends = rows["start_ms"] + rows["dt_ms"]
    gaps = rows["start_ms"].shift(-1) - ends
    assert gaps.min() > -0.002


def test_a_row_is_the_sum_of_its_parts(transcript: Transcript) -> None:
    rows = waterfall(transcript)
    parts = rows["send_ms"] + rows["wait_ms"]
    assert (parts - rows["dt_ms"]).abs().max() < 0.002


def test_a_command_without_a_reply_waits_until_its_fault(
    transcript: Transcript,
) -> None:
    rows = waterfall(transcript, session=0)
    last = rows.iloc[-1]
    assert last["step"] == "ehlo"
    assert last["wait_ms"] >= 49
    assert rows["code"].isna().iloc[-1]


def test_a_stored_events_frame_gives_the_same_rows(transcript: Transcript) -> None:
    assert waterfall(transcript.events()).equals(waterfall(transcript))


def test_a_session_is_chosen_by_number_or_by_name(transcript: Transcript) -> None:
    name = str(transcript.sessions()["session_id"].iloc[0])
    assert waterfall(transcript, session=name).equals(waterfall(transcript, session=0))


@pytest.mark.parametrize("session", [2, -3, "nobody"])
def test_a_session_that_is_not_there_is_an_error(
    transcript: Transcript, session: int | str
) -> None:
    events = transcript.events()
    for source in (transcript, events, SavedTranscript(events)):
        with pytest.raises(LookupError, match="among 2"):
            waterfall(source, session=session)


def test_the_picture_shows_each_label_time_and_code(transcript: Transcript) -> None:
    texts = _texts(plot_waterfall(transcript))
    assert "RCPT TO:<nobody@sandbox.example>" in texts
    (refused,) = [text for text in texts if text.endswith("  550")]
    assert refused.split()[1] == "ms"


def test_the_picture_says_when_no_reply_came(transcript: Transcript) -> None:
    texts = _texts(plot_waterfall(transcript, session=0))
    assert texts[-1].endswith("no reply")


def test_the_time_between_commands_is_drawn_only_when_asked_for() -> None:
    frame = events_frame(events(plain()))  # 700 ms of thinking in a session of 731
    assert plot_waterfall(frame).axes[0].get_xlim()[1] < 60
    assert plot_waterfall(frame, pauses=True).axes[0].get_xlim()[1] > 731


def test_bars_that_overlap_still_do_when_pauses_are_left_out() -> None:
    frame = events_frame(events(pipelined()))
    patches = [
        container.patches[0]
        for container in plot_waterfall(frame).axes[0].containers
        if isinstance(container, BarContainer)
    ]
    waits = [patch.get_x() for patch in patches[1::2]]
    group = waits[4:8]  # dns, connect, greeting, EHLO; then MAIL, RCPT, RCPT, DATA
    assert len(set(group)) == 1


def test_the_picture_can_be_drawn_into_axes_of_the_caller(
    transcript: Transcript, tmp_path: Path
) -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert plot_waterfall(transcript, ax=left) is figure
    assert not right.patches
    figure.savefig(tmp_path / "two.png")
    assert (tmp_path / "two.png").read_bytes().startswith(b"\x89PNG")


def test_a_dollar_in_an_address_is_no_formula(tmp_path: Path) -> None:
    session = opened()
    mail = b"MAIL FROM:<$x_{y}$a@b>\r\n"
    session.say("mail", mail, b"250 \xe2\x80\xae$^$\r\n")
    frame = events_frame(events(session.close()))
    figure = plot_waterfall(frame)
    figure.savefig(tmp_path / "dollar.png")
    assert "MAIL FROM:<$x_{y}$a@b>" in _texts(figure)


def test_a_notebook_shows_the_picture_with_its_words(transcript: Transcript) -> None:
    figure = plot_waterfall(transcript)
    assert isinstance(figure, ShownFigure)
    data, metadata = figure._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == describe_waterfall(transcript)


def test_the_words_tell_what_the_picture_shows(transcript: Transcript) -> None:
    said = describe_waterfall(transcript)
    assert said.startswith("12 steps in ")
    longest = waterfall(transcript).nlargest(3, "dt_ms")
    for label, dt_ms in zip(longest["label"], longest["dt_ms"], strict=True):
        assert f"{style.short(label)} {style.took(dt_ms)}" in said
    assert said.endswith(
        "Refused or unanswered: RCPT TO:<nobody@sandbox.example> (550)."
    )


def test_the_words_tell_of_a_missing_reply(transcript: Transcript) -> None:
    assert "EHLO client.example (no reply)" in describe_waterfall(transcript, session=0)


def test_importing_the_analyses_loads_no_pandas() -> None:
    code = (
        "import sys, smtpnb.analysis; print({'pandas', 'matplotlib'} & {*sys.modules})"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert out.stdout.strip() == "set()"


@pytest.mark.parametrize("session", [0, 1, -1, -2, "id"])
def test_one_of_many_sessions_is_drawn_without_making_the_others(
    session: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    transcript = Transcript([plain(), opened().close()])
    ids = transcript.sessions()["session_id"].tolist()
    name = ids[0] if session == "id" else ids[session]  # type: ignore[index]
    wanted = waterfall(transcript, session=name)
    made: list[int] = []
    values = tables.event_values

    def counted(frame: pd.DataFrame) -> list[Event]:
        made.append(len(frame))
        return values(frame)

    monkeypatch.setattr(tables, "event_values", counted)
    events = transcript.events()
    found = waterfall(events, session=name if session == "id" else session)
    assert found.equals(wanted)
    assert made == [int((events["session_id"] == name).sum())]


def test_the_picture_takes_what_its_question_takes(transcript: Transcript) -> None:
    said = describe_waterfall(transcript)
    for given in (transcript, transcript.events(), waterfall(transcript)):
        assert describe_waterfall(given) == said
        assert _texts(plot_waterfall(given)) == _texts(plot_waterfall(transcript))
