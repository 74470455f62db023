"""The one door by which a table comes in, whoever has held it meanwhile.

pandas' own `concat`, CSV and Parquet, and tables of polars, DuckDB and pyarrow (all
that has `__arrow_c_stream__`) give text where a category was, floats where integers
with nulls were, and lists where tuples were. `coerce` makes such a table one of ours
again: the columns and types of `schema`, text inert.

This module knows nothing of what a column means.
"""

from __future__ import annotations

import ast
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa

from smtpnb.transcript import schema
from smtpnb.transcript.display import TableFrame
from smtpnb.transcript.text_dtype import TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smtpnb.transcript.schema import Column

# By which a table is known.
_MARKS: Final = {
    "events": {"seq", "event", "step", "t_ms", "session_id"},
    "exchanges": {"step", "code", "latency_ms", "exchange_no"},
    "transactions": {"recipient_no", "outcome", "rcpt_to"},
    "sessions": {"outcome", "n_exchanges", "total_ms"},
}
# Without these there is no telling what an event is.
_LONGEST_LIST: Final = 64 * 1024
NEEDED: Final = ("session_id", "seq", "ts", "t_ms", "event", "step", "exchange_no")


def as_frame(source: Any) -> pd.DataFrame:
    """Return a pandas frame of a frame, or of a table of any library that has Arrow's.

    Raises:
        TypeError: It is no table.
    """
    if isinstance(source, pd.DataFrame):
        return source
    if not hasattr(source, "__arrow_c_stream__"):
        kind = type(source).__name__
        raise TypeError(f"a transcript or a table is wanted, not {kind}")
    table = pa.RecordBatchReader.from_stream(source).read_all()
    kinds = [field.with_type(_without_views(field.type)) for field in table.schema]
    frame: pd.DataFrame = table.cast(pa.schema(kinds)).to_pandas(
        types_mapper=pd.ArrowDtype
    )
    return frame


def _without_views(kind: pa.DataType) -> pa.DataType:
    """Text as all have it, and not as polars: little of Arrow handles views."""
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.large_list(_without_views(kind.value_type))
    return kind


def kind_of(frame: pd.DataFrame) -> str | None:
    """Return which of the tables a frame is; None if it is none of them."""
    names = set(frame.columns)
    return next((kind for kind, marks in _MARKS.items() if marks <= names), None)


def coerce(table: str, source: Any) -> pd.DataFrame:
    """Return a table with the columns and types of the schema; missing ones are null.

    Args:
        table: Which of the tables it is.
        source: A frame, or anything that has `__arrow_c_stream__`.

    Returns:
        The frame itself if it is right already; columns that are not ours are left out.

    Raises:
        ValueError: It is another table, or a value cannot be what it must be.
    """
    frame = as_frame(source)
    columns = schema.TABLES[table]
    names = [column.name for column in columns]
    if [*frame.columns] == names and all(_is_right(frame, c) for c in columns):
        return frame if type(frame) is TableFrame else schema.shown(frame, table)
    marks = NEEDED if table == "events" else sorted(_MARKS[table])
    missing = [name for name in marks if name not in frame]
    if missing:
        kind = kind_of(frame)
        found = f"a table of {kind}" if kind else "a table of something else"
        raise ValueError(
            f"{table}() are wanted, and this is {found}: {', '.join(missing)} missing"
        )
    values = {c.name: _column(frame[c.name], c) for c in columns if c.name in frame}
    made = schema.complete(columns, values, len(frame))
    if table == "events":
        check_events(made)
    return schema.shown(made, table)


def known_columns(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose columns have their types, as far as it has them.

    For a part of a table, or one to which a question has added its own columns.

    Raises:
        ValueError: A value cannot be what it must be.
    """
    wrong = {
        column.name: _column(frame[column.name], column)
        for column in schema.TABLES[table]
        if column.name in frame and not _is_right(frame, column)
    }
    return frame.assign(**wrong) if wrong else frame


def concat(frames: Iterable[pd.DataFrame], table: str) -> pd.DataFrame:
    """Return the rows of frames of one table, in order."""
    parts = [coerce(table, frame) for frame in frames]
    columns = schema.TABLES[table]
    values = {column.name: _joined(column, parts) for column in columns}
    whole = schema.complete(columns, values, sum(map(len, parts)))
    if table == "events":
        twice = whole.duplicated(["session_id", "seq"])
        if twice.any():
            whole = whole[~twice].reset_index(drop=True)
    return schema.shown(whole, table)


def _joined(column: Column, parts: list[pd.DataFrame]) -> Any:
    series = [part[column.name] for part in parts]
    if column.dtype == "category" and series:
        return pd.api.types.union_categoricals(
            [_unordered(each) for each in series], sort_categories=not column.words
        )
    return pd.concat(series, ignore_index=True) if series else None


def _unordered(series: pd.Series[Any]) -> pd.Series[Any]:
    return series.cat.as_unordered() if series.cat.ordered else series


def _is_right(frame: pd.DataFrame, column: Column) -> bool:
    dtype = frame[column.name].dtype
    if column.dtype == "category":
        if not isinstance(dtype, pd.CategoricalDtype):
            return False
        there = tuple(dtype.categories[: len(column.words)])
        text = isinstance(dtype.categories.dtype, pd.StringDtype)
        return text and there == column.words and bool(dtype.ordered) == column.ordered
    return bool(dtype == _DTYPES.get(column.dtype, column.dtype)) and (
        column.dtype != "list" or _is_tuples(frame[column.name])
    )


def _is_tuples(series: pd.Series[Any]) -> bool:
    return all(value is None or isinstance(value, tuple) for value in series)


_DTYPES: Final[dict[str, Any]] = {
    "text": TEXT,
    "utc": pd.DatetimeTZDtype("us", "UTC"),
    "list": object,
}


def _column(series: pd.Series[Any], column: Column) -> Any:
    try:
        return schema.typed(_array(series, column), column.dtype)
    except _NOT_THAT as error:
        first = str(error).partition("\n")[0]
        raise ValueError(f"{column.name} is no {column.dtype}: {first}") from None


_NOT_THAT: Final = (
    *(pa.ArrowException, TypeError, ValueError, OverflowError),
    *(SyntaxError, RecursionError, MemoryError),
)


def _array(series: pd.Series[Any], column: Column) -> pa.Array:
    (wanted,) = schema.arrow([column]).types
    if isinstance(series.dtype, pd.CategoricalDtype) and column.dtype != "category":
        series = series.astype(series.cat.categories.dtype)
    if column.dtype == "utc" and not pd.api.types.is_datetime64_any_dtype(series.dtype):
        series = pd.to_datetime(series, utc=True, format="ISO8601")
    if column.dtype == "list":
        series = series.map(_words_of, na_action="ignore").astype(object)
    if column.name == "direction":  # in our CSV "-" stands behind an apostrophe
        series = series.astype(object).replace("'-", "-")
    array = pa.array(series, from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if isinstance(array, pa.DictionaryArray):
        words = array.dictionary.cast(pa.string())
        return pa.DictionaryArray.from_arrays(array.indices, words)
    if pa.types.is_floating(array.type) and pa.types.is_boolean(wanted):
        array = array.cast(pa.int64())
    return array.cast(wanted)


def _words_of(value: Any) -> list[str] | None:
    """A list, as pandas, Parquet, its CSV or ours have it."""
    if isinstance(value, str) and value[:1] in {"(", "["}:
        value = ast.literal_eval(value[:_LONGEST_LIST])
    elif isinstance(value, str):
        return [word.strip() for word in value.split(";") if word.strip()]
    return None if value is None else [*map(str, value)]


# What no smtpnb has written

_ENHANCED: Final = r"[245]\.[0-9]{1,3}\.[0-9]{1,3}"
_RANGES: Final[dict[str, tuple[Any, Any]]] = {
    # Thirty years before it is a time of Python's as well, which begin in year 1.
    "ts": (pd.Timestamp("1900-01-01", tz="UTC"), pd.Timestamp("9900-01-01", tz="UTC")),
    "seq": (0, 2**31),
    "t_ms": (-1e12, 1e12),
    "dt_ms": (0, 1e12),
    "code": (0, 999),
    "n_bytes": (0, 2**50),
    "exchange_no": (0, 2**31),
    "transaction_no": (1, 2**31),
}
_DECODE: Final = json.JSONDecoder().decode
_LISTS: Final = ("addresses", "capabilities", "auth_mechs", "cert_san", "anomalies")
_NUMBERS: Final = ("receive_ms", "lines", "receives", "size_limit", "port")
_TEXTS: Final = (
    *("name", "error", "address", "local", "what", "kind", "outcome"),
    *("version", "cipher", "alpn"),
    *("cert_subject", "cert_issuer", "cert_sha256", "cert_key"),
)
_TRUTHS: Final = ("verified", "implicit")
_TIMES: Final = ("cert_not_before", "cert_not_after")


def check_events(frame: pd.DataFrame) -> None:
    """Look at what a stranger's events say, as far as views and tables rely on it.

    Args:
        frame: Some columns of events, with their types.

    Raises:
        ValueError: A value that no session of ours can have.
    """
    for name in (*NEEDED[:-1], "host"):
        if name in frame and frame[name].isna().any():
            raise ValueError(f"a {name} is null")
    for name, (least, most) in _RANGES.items():
        if name in frame and not frame[name].dropna().between(least, most).all():
            raise ValueError(f"a {name} is out of range")
    for column in schema.EVENTS:
        if column.name in frame and isinstance(
            frame[column.name].dtype, pd.CategoricalDtype
        ):
            _check_words(column, frame[column.name].cat.categories.tolist())


def _check_words(column: Column, words: Iterable[str]) -> None:
    for word in words:
        if column.name == "detail":
            _check_detail(word)
        elif column.name == "enhanced":
            if not re.fullmatch(_ENHANCED, word):
                raise ValueError(f"{word[:20]!r} is no enhanced status code")
        elif column.name == "step" and word in schema.STEP_OF_PHASE:
            pass  # an error of an early day
        elif column.words and column.name != "verb" and word not in column.words:
            raise ValueError(f"{column.name} cannot be {word[:20]!r}")


def _check_detail(detail: str) -> None:
    try:
        facts = _DECODE(detail)
    except (ValueError, RecursionError):
        raise ValueError("a detail is no JSON") from None
    if not isinstance(facts, dict):
        raise ValueError("a detail is no JSON object")  # noqa: TRY004  # of a file
    for name, value in facts.items():
        if value is None and name not in _LISTS:
            continue
        if not _is_plain(name, value):
            raise ValueError(f"a detail cannot say this of {name[:40]!r}")


def _is_plain(name: str, value: Any) -> bool:
    if name in _LISTS:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if name in _NUMBERS:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and 0 <= value < 2**62
    if name in _TRUTHS:
        return isinstance(value, bool)
    if name in _TIMES:
        return isinstance(value, str) and _is_time(value)
    if name in _TEXTS:
        return isinstance(value, str)
    return _depth(value) <= 3


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        value = [*value.values()]
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).year > 1970
    except (ValueError, OverflowError):
        return False
