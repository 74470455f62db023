from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import Sandbox, SmtpClient, Transcript
from smtpnb.analysis import describe_posture, plot_posture, tls_posture, tls_rules
from smtpnb.wire import record as log
from tests.analysis.rows import sessions
from tests.transcript.logs import (
    EHLO,
    FACTS,
    Log,
    opened,
    plain,
    refused_at_connect,
    starttls,
)

if TYPE_CHECKING:
    from pathlib import Path

OPEN_EHLO = b"250-mx1.example.test\r\n250 STARTTLS\r\n"


def _after_handshake(**facts: Any) -> Transcript:
    """A session whose handshake agreed on FACTS, but for what is given."""
    session = Log()
    session.connect()
    session.greeting()
    session.say("ehlo", b"EHLO client.test\r\n", OPEN_EHLO)
    session.say("starttls", b"STARTTLS\r\n", b"220 Go ahead\r\n")
    session.record.add(log.TLS, session.now, session.wait(9.0), FACTS | facts, None)
    session.say("ehlo", b"EHLO client.test\r\n", EHLO)
    return Transcript([session.close()])


def _failed(text: str) -> Transcript:
    session = opened()
    session.say("starttls", b"STARTTLS\r\n", b"220 Go ahead\r\n")
    session.record.add(log.TLS, session.now, session.wait(9.0), None, text)
    session.error("tls", "TlsError", text)
    return Transcript([session.close("lost")])


def _row(transcript: Transcript) -> dict[str, Any]:
    """The only row, None for null."""
    frame = tls_posture(transcript).astype(object)
    (row,) = frame.where(frame.notna(), None).to_dict("records")
    plain = {str(name): value for name, value in row.items()}
    return plain | {"findings": list(plain["findings"])}


def test_a_host_that_does_all_well_earns_all_points() -> None:
    row = _row(_after_handshake(cert_key="EC 256"))
    assert row["grade"] == "13 of 13"
    assert all(finding.startswith("PASS") for finding in row["findings"])
    assert row["verified"] is True
    assert row["name_match"] is True
    assert row["days_left"] == 37
    assert row["tls_result"] is None


def test_the_grade_is_the_sum_of_the_findings() -> None:
    both = Transcript([starttls(), opened("b.example").close(), plain()])
    for grade, findings in tls_posture(both)[["grade", "findings"]].itertuples(
        index=False
    ):
        scores = [finding.split(":")[0].split() for finding in findings]
        got = sum(int(score[1]) for score in scores)
        best = sum(int(score[3]) for score in scores)
        assert grade == f"{got} of {best}"


def test_no_finding_earns_more_than_its_rule() -> None:
    rules = tls_rules()
    assert list(rules.columns) == ["points", "rule", "reference"]
    assert rules["points"].sum() == 15
    assert rules["reference"].str.startswith("RFC ").all()


def test_the_worst_finding_comes_first() -> None:
    row = _row(_after_handshake(verified=False, version="TLSv1.2"))
    assert row["findings"][:2] == [
        "FAIL 0 of 3: the certificate does not verify",
        "WARN 1 of 2: TLSv1.2, TLS_AES_256_GCM_SHA384",
    ]


@pytest.mark.parametrize(
    ("facts", "word", "finding"),
    [
        (
            {"verified": False},
            "certificate-not-trusted",
            "FAIL 0 of 3: the certificate does not verify",
        ),
        (
            {"cert_san": ["other.test"], "verified": False},
            "certificate-host-mismatch",
            "FAIL 0 of 1: the certificate is not for mx1.example.test",
        ),
        (
            {"cert_not_after": "2026-11-01T00:00:00+00:00", "verified": False},
            "certificate-expired",
            "FAIL 0 of 1: the certificate expired 24 days before",
        ),
        (
            {"cert_not_after": "2026-12-01T00:00:00+00:00"},
            None,
            "FAIL 0 of 1: the certificate lasts 6 days",
        ),
        ({"cert_key": "RSA 1024"}, None, "FAIL 0 of 1: the key is RSA 1024"),
    ],
)
def test_each_fault_has_a_finding_and_a_word_of_rfc_8460(
    facts: dict[str, Any], word: str | None, finding: str
) -> None:
    row = _row(_after_handshake(**facts))
    assert finding in row["findings"]
    assert row["tls_result"] == word


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("the certificate for x does not verify: certificate has expired",
         "certificate-expired"),
        ("the certificate for x does not verify: Hostname mismatch, x",
         "certificate-host-mismatch"),
        ("the certificate for x does not verify: self-signed certificate",
         "certificate-not-trusted"),
        ("the TLS handshake failed: tlsv1 alert internal error", "validation-failure"),
    ],
)  # fmt: skip
def test_a_failed_handshake_says_why(text: str, word: str) -> None:
    row = _row(_failed(text))
    assert row["tls_result"] == word
    assert f"FAIL 0 of 2: no TLS: {text}" in row["findings"]
    assert row["tls_version"] is None


def test_without_starttls_nothing_else_is_judged() -> None:
    session = Log()
    session.connect()
    session.greeting()
    session.say("ehlo", b"EHLO c.test\r\n", b"250 mx1.example.test\r\n")
    row = _row(Transcript([session.close()]))
    assert row["starttls_offered"] is False
    assert row["tls_result"] == "starttls-not-supported"
    assert row["findings"] == [
        "FAIL 0 of 2: STARTTLS is not offered",
        "PASS 1 of 1: AUTH is not offered",
    ]


def test_a_host_that_never_answered_is_not_judged() -> None:
    row = _row(Transcript([refused_at_connect()]))
    assert not row["findings"]
    assert row["grade"] is None
    assert row["starttls_offered"] is None


def test_the_last_session_that_tried_tls_tells() -> None:
    row = _row(Transcript([plain(), starttls(), plain(), refused_at_connect()]))
    assert row["tls_version"] == "TLSv1.3"


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("MX1.example.test", True),
        ("*.example.test", True),
        ("*.test", False),
        ("mx1.*.test", False),
        ("example.test", False),
        ("*1.example.test", False),
    ],
)
def test_a_wildcard_stands_for_one_label(name: str, fits: bool) -> None:
    assert _row(_after_handshake(cert_san=[name]))["name_match"] is fits


def test_no_sessions_make_an_empty_frame_with_all_columns() -> None:
    empty, full = tls_posture(Transcript([])), tls_posture(Transcript([plain()]))
    assert empty.empty
    assert list(empty.dtypes) == list(full.dtypes)


def test_a_real_server_is_judged_as_it_is() -> None:
    client = SmtpClient()
    with Sandbox() as sandbox:
        client.connect(sandbox)
        client.ehlo("client.example")
        client.starttls()
        client.ehlo("client.example")
        client.quit()
    row = _row(client.transcript)
    assert row["starttls_offered"] is True
    assert row["verified"] is True
    assert "PASS 3 of 3: the certificate verifies" in row["findings"]


def test_the_picture_has_an_icon_and_a_word_in_each_cell(tmp_path: Path) -> None:
    bad = _after_handshake(verified=False, version="TLSv1.2", cert_key="RSA 1024")
    posture = tls_posture(bad)
    figure = plot_posture(posture)
    figure.savefig(tmp_path / "posture.png")
    (ax,) = figure.axes
    cells = [text.get_text() for text in ax.texts]
    assert cells == [
        "\u2713 yes",
        "! TLSv1.2",
        "\u2717 no",
        "\u2713 yes",
        "\u2713 37",
        "\u2717 RSA 1024",
        "\u2717 certificate-not-trusted",
        "\u2717 8 of 13",
    ]
    assert describe_posture(posture) == (
        "mx1.example.test: 8 of 13, the certificate does not verify; TLSv1.2, "
        "TLS_AES_256_GCM_SHA384; the key is RSA 1024."
    )


def test_what_was_not_seen_is_drawn_as_unknown(tmp_path: Path) -> None:
    figure = plot_posture(tls_posture(Transcript([refused_at_connect()])))
    figure.savefig(tmp_path / "posture.png")
    (ax,) = figure.axes
    assert all(text.get_text().startswith("?") for text in ax.texts)
    assert "nothing was seen of TLS" in figure.alt  # type: ignore[attr-defined]


def test_no_hosts_still_make_a_picture(tmp_path: Path) -> None:
    empty = tls_posture(Transcript([]))
    plot_posture(empty).savefig(tmp_path / "empty.png")
    assert describe_posture(empty) == "No sessions."


def test_two_ports_of_a_host_are_two_services() -> None:
    """Exim on 25 without AUTH, and on 587 with it before TLS."""
    frame = tls_posture(
        sessions(
            {"tls_mode": "none", "capabilities": ["STARTTLS"], "port": 25},
            {"tls_mode": "none", "capabilities": ["AUTH PLAIN"], "port": 587},
        )
    )
    assert list(frame["port"]) == [25, 587]
    bare = "AUTH PLAIN is offered before TLS: passwords may travel in clear"
    said = ["; ".join(findings) for findings in frame["findings"]]
    assert [bare in text for text in said] == [False, True]
    (ax,) = plot_posture(frame).axes
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names == ["mx.example:25", "mx.example:587"]


@pytest.mark.parametrize(
    ("mechanisms", "points"),
    [("SCRAM-SHA-256 GSSAPI", 1), ("CRAM-MD5", 1), ("GSSAPI LOGIN", 0), ("plain", 0)],
)
def test_only_a_password_in_clear_needs_tls_around_it(
    mechanisms: str, points: int
) -> None:
    """RFC 4954 section 4 speaks of mechanisms that send the password itself."""
    frame = tls_posture(
        sessions({"tls_mode": "none", "capabilities": [f"AUTH {mechanisms}"]})
    )
    (judged,) = [f for f in frame["findings"][0] if "AUTH" in f]
    assert f" {points} of 1: " in judged


def test_of_many_hosts_the_worst_are_drawn_and_it_says_so() -> None:
    rows = [{"host": f"mx{n}", "tls_mode": "none", "capabilities": ["STARTTLS"]}
            for n in range(299)]  # fmt: skip
    rows.append({"host": "poor", "tls_mode": "none", "capabilities": ["AUTH PLAIN"]})
    (ax,) = plot_posture(sessions(*rows)).axes
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert len(names) == 40
    assert names[0] == "poor"
    assert "the 40 worst of 300 hosts" in ax.get_xlabel()
