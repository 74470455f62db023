"""A file in which something is not as it was written: told, or as it was."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpnb import SavedTranscript, Transcript, load, scan
from tests.transcript import logs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

_RECORDS = (logs.plain, logs.starttls, logs.cancelled_in_body, logs.pipelined)


@cache
def _events() -> pd.DataFrame:
    return Transcript([make() for make in _RECORDS]).events()


@pytest.fixture(scope="module", params=[".parquet", ".jsonl"])
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("flipped") / f"t{request.param}"
    SavedTranscript(_events()).save(path)
    return path, path.read_bytes()


def _read(call: Callable[..., Any], path: Path, **wanted: str) -> Any:
    """What is read; None if it is told in words that nothing can be."""
    try:
        return call(path, **wanted)
    except ValueError as error:
        if path.name not in str(error):
            raise
        return None


def _look_at_all(saved: SavedTranscript) -> None:
    for table in (saved.exchanges(), saved.transactions(), saved.sessions()):
        assert table._repr_html_()  # type: ignore[operator]
    assert str(saved)


# Where in a file, as a share of it, and which bits.
_FLIP = st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255))


@given(st.lists(_FLIP, min_size=1, max_size=3))
@settings(max_examples=40, deadline=None)
def test_an_octet_that_was_flipped_is_told_or_changes_nothing(
    written: tuple[Path, bytes], flips: list[tuple[float, int]]
) -> None:
    path, good = written
    octets = bytearray(good)
    for where, bits in flips:
        octets[int(where * len(good))] ^= bits
    path.write_bytes(octets)
    if (saved := _read(load, path)) is not None:
        _look_at_all(saved)
        # Each page has a checksum; a line has none, nor has what stands behind pages.
        behind = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
        if path.suffix == ".parquet" and all(
            int(where * len(good)) < behind for where, _ in flips
        ):
            assert saved.events().equals(_events())
    if (found := _read(scan, path, step="rcpt")) is not None:
        assert set(found["step"]) <= {"rcpt"}


@given(st.floats(0, 0.99))
@settings(max_examples=20, deadline=None)
def test_a_file_that_was_cut_is_told(written: tuple[Path, bytes], left: float) -> None:
    path, good = written
    path.write_bytes(good[: int(left * len(good))])
    if (saved := _read(load, path)) is not None:
        assert path.suffix == ".jsonl"  # the lines before the cut
        assert len(saved) < len(_events())


@pytest.mark.parametrize(
    "octets", [b"\t" * 65_536, "\xe4\xf6\xfc ".encode("latin-1") * 9]
)
@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_what_is_no_transcript_is_told(
    tmp_path: Path, octets: bytes, suffix: str
) -> None:
    path = tmp_path / f"strange{suffix}"
    path.write_bytes(octets)
    with pytest.raises(ValueError, match="strange"):
        load(path)
    with pytest.raises(ValueError, match="strange"):
        scan(path)
