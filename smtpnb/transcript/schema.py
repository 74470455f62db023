"""Schema v1: every column of the four tables, its type, its unit and what it means.

One source of truth: frames are built from these lists (`build`), documentation is made
of them (`describe`), and files can be. Names and units do not change within version 1;
columns may be added.

The types, and why: small vocabularies, and details, which repeat, are `category` (a
fifth of the memory of object columns); other text is `str` as pandas 3 has it, on
pandas 2.3 as well; durations are milliseconds in float64, rounded to 0.001, NaN for
"did not happen"; wall time is UTC in microseconds; `step` is never null, because a
group-by drops null keys silently.

Columns nothing can fill yet (marked "later") are typed nulls, so that what reads a
table today reads it tomorrow. This module knows nothing of events or of SMTP.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.edges.text import for_terminal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

VERSION: Final = 1


class Column(NamedTuple):
    """One column.

    Attributes:
        name: The name.
        dtype: A pandas dtype, or "text", "utc" or "list" (of text).
        unit: "ms", "octets" ... or "".
        meaning: A sentence.
    """

    name: str
    dtype: str
    unit: str
    meaning: str


def _c(name: str, dtype: str, meaning: str, unit: str = "") -> Column:
    if name.endswith("_ms"):
        unit = "ms"
    return Column(name, dtype, unit, meaning)


_RUN: Final = _c("run_id", "category", "one process or one sweep")
_SESSION: Final = _c("session_id", "text", "one connection; a ULID, sorts by time")
_HOST: Final = _c("host", "category", "the host as the user named it")
_PEER: Final = _c("peer_ip", "category", "the address connected to")

EVENTS: Final = (
    _RUN,
    _SESSION,
    _c("seq", "int32", "0.. within the session"),
    _c("ts", "utc", "wall clock at the end of the event"),
    _c("t_ms", "float64", "end of the event, since the session began (monotonic)"),
    _c("dt_ms", "float64", "how long it took; a reply: since its command had left"),
    _c("event", "category", "dns connect tls command reply data close error note"),
    _c("direction", "category", "C client, S server, - neither"),
    _c("step", "category", "never null: dns connect tls greeting ehlo ... close other"),
    _c("verb", "category", "as sent, upper case; null where there was none"),
    _c("code", "Int16", "the reply code"),
    _c("enhanced", "category", "the enhanced status code (RFC 3463)"),
    _c("text", "text", "the line or lines, joined by a newline, secrets cut"),
    _c("n_bytes", "Int64", "on the wire; of a redacted reply, as shown", "octets"),
    _c("tls", "boolean", "whether the stream was encrypted when the event ended"),
    _c("exchange_no", "Int32", "0 the greeting, 1.. the commands"),
    _c("transaction_no", "Int32", "1.. in order of MAIL; null outside a transaction"),
    _c("pipelined", "boolean", "whether the command left in a group"),
    _c("redacted", "boolean", "whether a secret was cut out of the text"),
    _HOST,
    _c("port", "Int32", "the port"),
    _PEER,
    _c("detail", "category", "JSON: what only this kind of event has; null if plain"),
)

EXCHANGES: Final = (
    _RUN,
    _SESSION,
    _c("exchange_no", "int32", "0 the greeting, 1.. the commands"),
    _c("transaction_no", "Int32", "1..; null outside a transaction"),
    _HOST,
    _PEER,
    _c("step", "category", "never null; content and its final dot are eod"),
    _c("verb", "category", "as sent; null for the greeting and AUTH responses"),
    _c("argument", "text", "what followed the verb, secrets cut"),
    _c("ts", "utc", "wall clock when it began"),
    _c("t_ms", "float64", "when it began, since the session began"),
    _c("send_ms", "float64", "until the kernel took its last octet; 0: all at once"),
    _c("wait_ms", "float64", "last octet sent to first octet of the reply"),
    _c("receive_ms", "float64", "first to last octet of the reply"),
    _c("latency_ms", "float64", "wait_ms + receive_ms; NaN without a reply"),
    _c("bytes_sent", "Int64", "content included", "octets"),
    _c("bytes_received", "Int64", "the reply, line ends included", "octets"),
    _c("n_lines", "Int32", "of the reply", "lines"),
    _c("code", "Int16", "the reply code; null if none came"),
    _c("code_class", "Int8", "its first digit"),
    _c("enhanced", "category", "the enhanced status code"),
    _c("enhanced_class", "Int16", "its first number"),
    _c("enhanced_subject", "Int16", "its second number"),
    _c("enhanced_detail", "Int16", "its third number"),
    _c("text", "text", "the reply text, all lines"),
    _c("tls", "boolean", "whether the exchange was encrypted"),
    _c("pipelined", "boolean", "whether the command left in a group"),
    _c("timed_out", "boolean", "whether a deadline ended it"),
    _c("error_type", "category", "the fault that ended it"),
)

TRANSACTIONS: Final = (
    _RUN,
    _SESSION,
    _c("transaction_no", "int32", "1.. in order of MAIL"),
    _c("recipient_no", "int32", "1.. in order of RCPT; 0 if there was no RCPT"),
    _HOST,
    _PEER,
    _c("ts", "utc", "wall clock at MAIL"),
    _c("mail_from", "text", "the reverse-path"),
    _c("rcpt_to", "text", "the forward-path"),
    _c("mail_code", "Int16", "the reply to MAIL"),
    _c("rcpt_code", "Int16", "the reply to this RCPT"),
    _c("rcpt_enhanced", "category", "its enhanced status code"),
    _c("final_code", "Int16", "the reply that decided; null if none did"),
    _c("final_enhanced", "category", "its enhanced status code"),
    _c("final_text", "text", "its text"),
    _c("final_step", "category", "how far it came: mail rcpt data eod"),
    _c(
        "outcome", "category", "delivered deferred rejected aborted unknown; null: open"
    ),
    _c("reason", "category", "the fault behind aborted and unknown"),
    _c("retry_class", "category", "later: from analysis"),
    _c("num_attempts", "Int16", "later: from a queue"),
    _c("attempt_key", "text", "the same for each attempt at sender, recipient, host"),
    _c("queue_id", "text", "the server's own, as far as its last text tells"),
    _c("size", "Int64", "of the content on the wire, final dot left out", "octets"),
    _c("smtputf8", "boolean", "whether MAIL said SMTPUTF8 (RFC 6531)"),
    _c("body_type", "category", "the BODY parameter of MAIL"),
    _c("setup_ms", "float64", "MAIL to the reply to DATA"),
    _c("transmit_ms", "float64", "first octet of content to the final reply"),
    _c("total_ms", "float64", "MAIL to the last reply or fault"),
)

PHASES: Final = (
    _c("dns_ms", "float64", "resolving"),
    _c("connect_ms", "float64", "connecting, failed attempts included"),
    _c("greeting_ms", "float64", "connected to the end of the greeting"),
    _c("ehlo_ms", "float64", "EHLO or HELO"),
    _c("starttls_ms", "float64", "STARTTLS to its reply"),
    _c("tls_ms", "float64", "the handshake"),
    _c("ehlo_tls_ms", "float64", "EHLO after STARTTLS"),
    _c("auth_ms", "float64", "all lines of AUTH"),
    _c("mail_ms", "float64", "MAIL"),
    _c("rcpt_ms", "float64", "all RCPT"),
    _c("data_ms", "float64", "DATA to its reply"),
    _c("body_ms", "float64", "sending content"),
    _c("eod_ms", "float64", "the final dot to its reply"),
    _c("quit_ms", "float64", "QUIT"),
    _c("other_ms", "float64", "the user's think time, and everything else"),
)

SESSIONS: Final = (
    _RUN,
    _SESSION,
    _c("ts", "utc", "wall clock at the start"),
    _c("target", "category", "what was asked for; the host, without a sweep"),
    _c("mx_name", "category", "later: from sweeps"),
    _c("mx_pref", "Int32", "later: from sweeps"),
    _HOST,
    _c("port", "Int32", "the port"),
    _PEER,
    _c("ip_version", "Int8", "4 or 6"),
    _c("local_ip", "category", "our own address"),
    _c("outcome", "category", "zgrab2's words, and cancelled; null: still open"),
    _c("error_type", "category", "the class of the last fault"),
    _c("error_text", "text", "its text"),
    _c("greeting", "text", "the greeting's text"),
    _c("software", "category", "a guess from the greeting"),
    _c("capabilities", "list", "keywords with parameters, sorted; before STARTTLS"),
    _c("capabilities_tls", "list", "the same after STARTTLS"),
    _c("size_limit", "Int64", "the last SIZE offered", "octets"),
    _c("auth_mechs", "list", "the last SASL mechanisms offered"),
    *PHASES,
    _c("total_ms", "float64", "the sum of the phases"),
    _c("n_exchanges", "Int32", "rows in exchanges"),
    _c("n_transactions", "Int32", "MAIL commands"),
    _c("bytes_sent", "Int64", "SMTP, before encryption", "octets"),
    _c("bytes_received", "Int64", "SMTP, after decryption", "octets"),
    _c("tls_mode", "category", "none starttls implicit"),
    _c("tls_version", "category", "such as TLSv1.3"),
    _c("tls_cipher", "category", "the cipher suite"),
    _c("tls_alpn", "category", "the protocol agreed by ALPN"),
    _c("cert_subject", "text", "of the server's certificate"),
    _c("cert_issuer", "text", "of the server's certificate"),
    _c("cert_san", "list", "its names"),
    _c("cert_not_before", "utc", "its first moment"),
    _c("cert_not_after", "utc", "its last moment"),
    _c("cert_sha256", "text", "its fingerprint, hex"),
    _c("cert_key", "category", 'such as "EC 256"'),
    _c("tls_verified", "boolean", "whether verification succeeded"),
    _c("tls_result", "category", "later: RFC 8460 section 4.3 words"),
    _c("dane", "category", "later"),
    _c("mta_sts", "category", "later"),
    _c("probe_version", "category", "later: from sweeps"),
    _c("worker", "category", "later: from sweeps"),
    _c("attempt", "Int16", "later: from sweeps"),
    _c("schema", "Int16", "the version of these columns"),
)

TABLES: Final[Mapping[str, tuple[Column, ...]]] = {
    "events": EVENTS,
    "exchanges": EXCHANGES,
    "transactions": TRANSACTIONS,
    "sessions": SESSIONS,
}


def describe(table: str) -> pd.DataFrame:
    """Return the columns of a table as a frame: name, dtype, unit, meaning.

    Args:
        table: "events", "exchanges", "transactions" or "sessions".

    Raises:
        KeyError: There is no such table.
    """
    import pandas as pd  # loaded only when used

    return pd.DataFrame(TABLES[table], columns=list(Column._fields))


def build(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a frame of `rows`, with every column and its type even if there are none.

    Args:
        columns: The columns, in order.
        rows: Plain values; a missing key or None is null. Wall times are integers,
            microseconds since the epoch.
    """
    return from_lists(
        columns, {c.name: [row.get(c.name) for row in rows] for c in columns}
    )


def from_lists(
    columns: Sequence[Column], values: Mapping[str, Sequence[Any]]
) -> pd.DataFrame:
    """Return a frame of one sequence of plain values (None: null) for each column."""
    import pyarrow as pa  # loaded only when used

    fields = arrow(columns)
    return from_arrow(
        columns,
        pa.Table.from_arrays(
            [pa.array(values[field.name], type=field.type) for field in fields],
            schema=fields,
        ),
    )


def complete(
    columns: Sequence[Column], values: Mapping[str, Any], n_rows: int
) -> pd.DataFrame:
    """Return a frame of columns that have their types; those that lack are null."""
    import pandas as pd  # loaded only when used
    import pyarrow as pa  # loaded only when used

    typeset_no_frames()
    frame = {}
    for column, field in zip(columns, arrow(columns), strict=True):
        if column.name in values:
            frame[column.name] = values[column.name]
        else:
            frame[column.name] = _typed(pa.nulls(n_rows, field.type), column.dtype)
    return pd.DataFrame(frame, copy=False)  # nobody else has these columns


def arrow(columns: Sequence[Column]) -> Any:
    """Return the pyarrow schema of columns, as files have it."""
    import pyarrow as pa  # loaded only when used

    kinds = {
        "text": pa.string(),
        "category": pa.string(),
        "list": pa.list_(pa.string()),
        "utc": pa.timestamp("us", tz="UTC"),
        "boolean": pa.bool_(),
    }
    return pa.schema(
        [
            (c.name, kinds.get(c.dtype) or pa.type_for_alias(c.dtype.lower()))
            for c in columns
        ]
    )


def from_arrow(columns: Sequence[Column], table: Any) -> pd.DataFrame:
    """Return a frame of a pyarrow table; columns that it lacks are null.

    Text is made inert, whoever wrote it: a frame is there to be looked at.

    Raises:
        pyarrow.ArrowInvalid: A column cannot be what it must be.
    """
    values = {}
    for column, field in zip(columns, arrow(columns), strict=True):
        if field.name in table.column_names:
            array = table[field.name]
            if not _is_encoded_text(array.type):
                array = array.cast(field.type)
            array = array.unify_dictionaries().combine_chunks()
            values[column.name] = _typed(array, column.dtype)
    return complete(columns, values, len(table))


def _is_encoded_text(kind: Any) -> bool:
    import pyarrow as pa  # loaded only when used

    return bool(pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type))


@cache
def typeset_no_frames() -> None:
    """Have pandas tell notebooks that frames hold no LaTeX; say so once.

    JupyterLab would typeset what a server says between dollar signs, in these frames
    and in all that are derived from them: hence the option of pandas, and no class.
    Who wants formulas in frames can set it again.
    """
    import pandas as pd  # loaded only when used

    pd.set_option("display.html.use_mathjax", False)
    pd.set_option("styler.html.mathjax", False)


def _typed(array: Any, dtype: str) -> Any:
    """Return a pyarrow array as what pandas holds in a column of a dtype above."""
    import pandas as pd  # loaded only when used

    from smtpnb.transcript import spread  # loads pandas

    match dtype:
        case "text":
            return spread.text(*_values(array))
        case "category":
            return spread.words(*_values(array))
        case "list":
            rows = [
                row and [for_terminal(word) for word in row]
                for row in array.to_pylist()
            ]
            return pd.Series(rows, dtype=pd.ArrowDtype(array.type))
        case "utc":
            return array.to_pandas()
        case "float64" | "int16" | "int32":
            return array.to_numpy(zero_copy_only=False, writable=True)
        case _:
            wanted = pd.api.types.pandas_dtype(dtype)
            return array.to_pandas(types_mapper=lambda _: wanted)


def _values(array: Any) -> tuple[list[str], Any]:
    """Return the texts of an array, each once, and for each row which; -1 is null."""
    import numpy as np  # loaded only when used

    encoded = array if hasattr(array, "dictionary") else array.dictionary_encode()
    which = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    # A part of a table may not use all of its dictionary.
    used = np.flatnonzero(np.bincount(which + 1, minlength=1)[1:])
    place = np.full(len(encoded.dictionary) + 1, -1)
    place[used] = np.arange(len(used))
    return encoded.dictionary.take(used).to_pylist(), place[which]
