from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from smtpnb import Transcript
from smtpnb.analysis import capabilities, describe_capabilities, plot_capabilities
from tests.transcript.logs import Log, opened, plain, refused_at_connect, starttls

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure


def _offering(*lines: str, host: str = "a.test") -> Log:
    session = Log(host)
    session.connect()
    session.greeting()
    words = [f"250-{host}", *(f"250-{line}" for line in lines), "250 HELP"]
    answer = "".join(f"{word}\r\n" for word in words).encode()
    session.say("ehlo", b"EHLO client.test\r\n", answer)
    return session


def test_each_host_has_a_row_before_tls_and_one_after_it() -> None:
    matrix = capabilities(Transcript([starttls(), opened("b.example").close()]))
    assert list(matrix.index) == [
        ("mx1.example.test", 25, "before TLS"),
        ("mx1.example.test", 25, "after TLS"),
        ("b.example", 25, "before TLS"),
        ("b.example", 25, "after TLS"),
    ]
    words = ["AUTH", "PIPELINING", "SIZE", "STARTTLS"]
    assert list(matrix.columns) == [*words, "size_limit", "auth_mechs"]
    for word in words:
        assert matrix[word].tolist() == [True, True, True, pd.NA]


def test_what_one_host_offers_another_lacks() -> None:
    records = [_offering("DSN").close(), _offering("CHUNKING", host="b.test").close()]
    matrix = capabilities(Transcript(records))
    assert matrix["DSN"].tolist() == [True, pd.NA, False, pd.NA]
    assert matrix["CHUNKING"].tolist() == [False, pd.NA, True, pd.NA]


def test_the_last_answer_counts() -> None:
    records = [_offering("DSN").close(), _offering("CHUNKING").close()]
    records.append(Log("a.test").close())  # asked nothing, says nothing
    matrix = capabilities(Transcript(records))
    assert matrix["CHUNKING"].tolist() == [True, pd.NA]
    assert "DSN" not in matrix.columns


def test_implicit_tls_is_after_tls() -> None:
    session = Log("a.test")
    session.connect()
    session.tls()
    session.greeting()
    session.say("ehlo", b"EHLO c.test\r\n", b"250-a.test\r\n250 AUTH PLAIN\r\n")
    matrix = capabilities(Transcript([session.close()]))
    assert matrix["AUTH"].tolist() == [pd.NA, True]
    assert matrix["auth_mechs"].iloc[1] == "PLAIN"


@pytest.mark.parametrize(
    ("line", "limit"),
    [
        ("SIZE 10240000", 10_240_000),
        ("SIZE 0", None),
        ("SIZE", None),
        ("SIZE 9" + "9" * 40, None),
        ("SIZE many", None),
    ],
)
def test_a_size_without_a_limit_is_no_limit(line: str, limit: int | None) -> None:
    matrix = capabilities(Transcript([_offering(line).close()]))
    assert matrix["SIZE"].tolist() == [True, pd.NA]
    assert matrix["size_limit"].tolist() == [limit or pd.NA, pd.NA]


def test_a_host_that_never_answered_has_rows_of_nulls() -> None:
    matrix = capabilities(Transcript([refused_at_connect()]))
    assert len(matrix) == 2
    assert matrix.isna().all(axis=None)


def test_no_sessions_make_an_empty_matrix() -> None:
    matrix = capabilities(Transcript([]))
    assert matrix.empty
    assert matrix.index.names == ["host", "port", "phase"]
    assert list(matrix.columns) == ["size_limit", "auth_mechs"]


def test_a_frame_of_sessions_gives_the_same_matrix() -> None:
    transcript = Transcript([plain(), starttls()])
    assert capabilities(transcript.sessions()).equals(capabilities(transcript))


def _texts(figure: Figure) -> list[str]:
    (ax,) = figure.axes
    return [text.get_text() for text in ax.texts]


def test_each_cell_says_in_a_word_what_its_colour_says(tmp_path: Path) -> None:
    session = _offering("SIZE 10240000", "STARTTLS", "X-$^$")
    session.say("starttls", b"STARTTLS\r\n", b"220 go\r\n")
    session.tls()
    session.say("ehlo", b"EHLO c.test\r\n", b"250-a.test\r\n250 AUTH PLAIN\r\n")
    down = Log("down.test")
    matrix = capabilities(Transcript([session.close(), down.close()]))
    figure = plot_capabilities(matrix)
    figure.savefig(tmp_path / "matrix.png")  # mathtext would raise
    (ax,) = figure.axes
    words = [tick.get_text() for tick in ax.get_xticklabels()]
    rows = [tick.get_text() for tick in ax.get_yticklabels()]
    assert rows == ["a.test before TLS", "a.test after TLS", "down.test before TLS"]
    cells = _texts(figure)
    by_row = [
        dict(zip(words, cells[at : at + len(words)], strict=True))
        for at in range(0, len(cells), len(words))
    ]
    assert by_row[0]["SIZE"] == "10 MB"
    assert by_row[1]["AUTH"] == "new"
    assert by_row[1]["STARTTLS"] == "gone"
    assert set(by_row[2].values()) == {"?"}
    said = describe_capabilities(matrix)
    assert "Only after TLS, at some host: AUTH." in said
    assert "X-$^$" in said


def test_a_matrix_without_answers_still_draws(tmp_path: Path) -> None:
    for records in ([], [refused_at_connect()]):
        matrix = capabilities(Transcript(records))
        plot_capabilities(matrix).savefig(tmp_path / "empty.png")
        assert describe_capabilities(matrix) == "Nobody answered EHLO."


def test_a_server_with_too_many_keywords_is_cut_and_the_words_say_so() -> None:
    session = _offering(*(f"X-{n}" for n in range(40)))
    matrix = capabilities(Transcript([session.close()]))
    (ax,) = plot_capabilities(matrix).axes
    assert len(ax.get_xticklabels()) == 16
    assert describe_capabilities(matrix).endswith("25 keywords are not drawn.")


def test_two_ports_of_a_host_are_two_services() -> None:
    """Exim has AUTH on 587 and none on 25."""
    mx, msa = _offering("DSN"), _offering("AUTH PLAIN")
    msa.record.port = 587
    transcript = Transcript([mx.close(), msa.close()])
    matrix = capabilities(transcript)
    assert matrix["AUTH"].loc["a.test", 25, "before TLS"] == False  # noqa: E712
    assert matrix["AUTH"].loc["a.test", 587, "before TLS"] == True  # noqa: E712
    (ax,) = plot_capabilities(transcript).axes
    rows = [tick.get_text() for tick in ax.get_yticklabels()]
    assert rows == ["a.test:25 before TLS", "a.test:587 before TLS"]


@pytest.mark.parametrize(
    ("limit", "shown"), [(1000, "1000 B"), (65_536, "66 kB"), (1_500_000, "1.5 MB")]
)
def test_a_small_limit_is_not_nothing(limit: int, shown: str) -> None:
    record = _offering(f"SIZE {limit}").close()
    assert shown in _texts(plot_capabilities(Transcript([record])))


def test_of_many_hosts_those_that_lack_most_are_drawn_and_it_says_so() -> None:
    records = [_offering("DSN", "CHUNKING", host=f"mx{n}.test") for n in range(300)]
    records[250] = _offering(host="poor.test")
    matrix = capabilities(Transcript([each.close() for each in records]))
    (ax,) = plot_capabilities(matrix).axes
    rows = [tick.get_text() for tick in ax.get_yticklabels()]
    assert len(rows) == 40
    assert rows[0] == "poor.test before TLS"
    assert "the 40 worst of 300 hosts: they lack most" in ax.get_xlabel()
    assert describe_capabilities(matrix).endswith("260 hosts are not drawn.")


def test_the_picture_takes_what_its_question_takes() -> None:
    transcript = Transcript([plain(), starttls()])
    for given in (transcript, transcript.sessions(), capabilities(transcript)):
        assert _texts(plot_capabilities(given)) == _texts(plot_capabilities(transcript))
        assert describe_capabilities(given).startswith("1 host offers 4 keywords.")
