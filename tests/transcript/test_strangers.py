"""A file that a stranger made is shown, or refused with a ValueError: nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smtpnb import Transcript, load
from smtpnb.analysis import lint
from tests.transcript import logs

if TYPE_CHECKING:
    from pathlib import Path

ODD: tuple[Any, ...] = (
    *(None, True, "", "zzz", -1, 0, 2**70, 1e300, "5.7", "5.7.x", [], {}, [1]),
    *("\x00", "\ud800", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    *("[1]", "{", "[" * 5000 + "]" * 5000, '{"a":' * 5000 + "1" + "}" * 5000),
)
FACTS = (
    *("addresses", "capabilities", "auth_mechs", "cert_san", "anomalies", "kind"),
    *("receive_ms", "lines", "size_limit", "cert_not_after", "verified", "outcome"),
    *("error", "what", "version", "cert_subject", "name", "address", "findings"),
)


def _rows(tmp_path: Path) -> list[dict[str, Any]]:
    records = [logs.plain(), logs.starttls(), logs.unknown(), logs.refused_at_connect()]
    path = Transcript(records).save(tmp_path / "t.jsonl", overwrite=True)
    return [json.loads(line) for line in path.read_text().splitlines()]


def _shown_or_refused(path: Path) -> bool:
    try:
        transcript = load(path)
    except ValueError:
        return False
    transcript._repr_html_()
    transcript.text()
    for table in (transcript.exchanges, transcript.transactions, transcript.sessions):
        repr(table())
    lint(transcript)
    return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("strangers")


@given(st.data())
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_row_that_says_anything_is_shown_or_refused(
    folder: Path, data: st.DataObject
) -> None:
    rows = _rows(folder)
    row = data.draw(st.sampled_from(rows))
    name = data.draw(st.sampled_from([*row, "detail", "code", "enhanced"]))
    value = data.draw(st.sampled_from(ODD))
    if name == "detail" and data.draw(st.booleans()):
        fact = data.draw(st.sampled_from(FACTS))
        value = json.dumps({**json.loads(row.get("detail", "{}")), fact: value})
    row[name] = value
    lines = "".join(json.dumps(each) + "\n" for each in rows)
    (folder / "odd.jsonl").write_text(lines)
    _shown_or_refused(folder / "odd.jsonl")


@pytest.mark.parametrize(
    "said",
    [
        {"event": "zzz"},
        {"detail": "[1]"},
        {"detail": "[" * 5000 + "]" * 5000},
        {"event": "dns", "detail": '{"addresses":5}'},
        {"step": "zzz"},
        {"code": 4000},
        {"enhanced": "5.7"},
        {"ts": None},
        {"ts": "0001-01-01T00:00:00Z"},
        {"ts": "9999-12-31T23:59:59Z"},
        {"host": None},
        {"t_ms": 1e300},
        {"n_bytes": -1},
    ],
    ids=str,
)
def test_what_no_view_can_show_is_refused(tmp_path: Path, said: dict[str, Any]) -> None:
    rows = _rows(tmp_path)
    lines = [json.dumps({**rows[0], **said}), *map(json.dumps, rows[1:])]
    (tmp_path / "odd.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=r"^odd\.jsonl "):
        load(tmp_path / "odd.jsonl")


def test_an_honest_file_is_shown(tmp_path: Path) -> None:
    _rows(tmp_path)
    assert _shown_or_refused(tmp_path / "t.jsonl")
