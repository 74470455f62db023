"""Schema v2: every column of the four tables, its type, its unit and what it means.

One source of truth: frames are built from these lists (`build`), what comes back from
elsewhere is made one of ours again at one door (`coerce`), documentation is made of
them (`dictionary`), and files can be. Names and units do not change within a version;
columns may be added.

The types, and why: small vocabularies, and details, which repeat, are `category` (a
fifth of the memory of object columns). A vocabulary that is closed has all its words as
categories, in every frame, so that frames can be put together; `step` is *ordered* as
a session goes. Words that it lacks (a verb may be any) stand behind. Other text is
`str` as pandas 3 has it, on pandas 2.3 as well; lists are tuples, which pandas can
compare; durations are milliseconds in float64, rounded to 0.001, NaN for "did not
happen"; wall time is UTC in microseconds; `step` is never null, because a group-by
drops null keys silently.

Version 1 had columns that nothing filled, and counted a transaction by the commands
that were sent; since version 2 their replies decide. This module knows nothing of
events or of SMTP.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.edges.text import for_terminal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

VERSION: Final = 2


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


STEPS: Final = _words(
    "dns connect greeting ehlo starttls tls auth noop vrfy expn help etrn mail rcpt "
    "data body eod rset other quit close"
)
# Phases of errors that are no step of their own, and the step they belong to.
STEP_OF_PHASE: Final[Mapping[str, str]] = {
    "resolve": "dns",
    "raw": "other",
    "reply": "other",
}
_CLOSED: Final[Mapping[str, tuple[str, ...]]] = {
    "step": STEPS,
    "event": _words("dns connect tls command reply data note error close"),
    "direction": _words("C S -"),
    "verb": _words(
        "EHLO HELO LHLO STARTTLS AUTH NOOP VRFY EXPN HELP ETRN MAIL RCPT DATA BDAT . "
        "RSET QUIT"
    ),
    "outcome": (*_words("delivered deferred rejected unknown aborted"), "not tried"),
    "final_step": _words("mail rcpt data eod"),
    "tls_mode": _words("none starttls implicit"),
}
# zgrab2's, and one of ours.
_SESSION_OUTCOMES: Final = _words(
    "success application-error connection-refused connection-timeout connection-closed "
    "io-timeout protocol-error cancelled unknown-error"
)


class Column(NamedTuple):
    """One column.

    Attributes:
        name: The name.
        dtype: A pandas dtype, or "text", "utc" or "list" (of text).
        unit: "ms", "octets" ... or "".
        meaning: A sentence.
        null: When it is null; "" for never.
        words: Of a category, all words of a closed vocabulary; else none.
    """

    name: str
    dtype: str
    unit: str
    meaning: str
    null: str = ""
    words: tuple[str, ...] = ()

    @property
    def ordered(self) -> bool:
        """Whether its words have an order."""
        return self.name in {"step", "final_step"}


def _c(
    name: str,
    dtype: str,
    meaning: str,
    null: str = "",
    *,
    unit: str = "",
    words: tuple[str, ...] = (),
) -> Column:
    if name.endswith("_ms"):
        unit = "ms"
    return Column(name, dtype, unit, meaning, null, words or _CLOSED.get(name, ()))


_RUN: Final = _c("run_id", "category", "one process or one sweep")
# Said once where each connection has many rows: 26 octets a row were a quarter of all.
_SESSION: Final = _c("session_id", "category", "one connection; a ULID, sorts by time")
_HOST: Final = _c("host", "category", "the host as the user named it")
_PORT: Final = _c("port", "Int32", "the port")
_PEER: Final = _c("peer_ip", "category", "the address connected to", "not connected")
_NO_REPLY: Final = "no reply"
_ENHANCED: Final = "no reply, or none in it"
_NO_TLS: Final = "no TLS"
_NOT_SAID: Final = "it did not happen"

EVENTS: Final = (
    _RUN,
    _SESSION,
    _c("seq", "int32", "0.. within the session"),
    _c("ts", "utc", "wall clock at the end of the event"),
    _c("t_ms", "float64", "end of the event, since the session began (monotonic)"),
    _c(
        "dt_ms",
        "float64",
        "how long it took; a reply: since its command had left",
        "it took no time",
    ),
    _c("event", "category", "what it is"),
    _c("direction", "category", "C client, S server, - neither"),
    _c("step", "category", "the part of the session, in the order of a session"),
    _c("verb", "category", "as sent, upper case", "no command, or a response of AUTH"),
    _c("code", "Int16", "the reply code", "no reply"),
    _c("enhanced", "category", "the enhanced status code (RFC 3463)", _ENHANCED),
    _c(
        "text",
        "text",
        "the line or lines, joined by a newline, secrets cut",
        "content",
    ),
    _c(
        "n_bytes",
        "Int64",
        "on the wire; of a redacted reply, as shown",
        "neither sent nor received",
        unit="octets",
    ),
    _c("tls", "boolean", "whether the stream was encrypted when the event ended"),
    _c(
        "exchange_no",
        "Int32",
        "0 the greeting, 1.. the commands",
        "beside the dialogue",
    ),
    _c(
        *("transaction_no", "Int32", "1.. in order of MAIL, by the replies (RFC 5321)"),
        "outside a transaction",
    ),
    _c(
        "pipelined",
        "boolean",
        "whether it left with others, or ahead of their replies",
    ),
    _c("redacted", "boolean", "whether a secret was cut out of the text"),
    _HOST,
    _PORT,
    _PEER,
    _c("detail", "category", "JSON: what only this kind of event has", "nothing more"),
)

EXCHANGES: Final = (
    _c("ts", "utc", "wall clock when it began"),
    _c("t_ms", "float64", "when it began, since the session began"),
    _c("step", "category", "content and its final dot are eod"),
    _c("line", "text", "the command as sent, secrets cut", "no command: the greeting"),
    _c("code", "Int16", "the reply code", _NO_REPLY),
    _c("enhanced", "category", "the enhanced status code", _ENHANCED),
    _c("text", "text", "the reply text, all lines", _NO_REPLY),
    _c("latency_ms", "float64", "wait_ms + receive_ms", _NO_REPLY),
    _c("verb", "category", "as sent", "the greeting, and responses of AUTH"),
    _c("argument", "text", "what followed the verb, secrets cut", "nothing did"),
    _c("code_class", "Int8", "the first digit of the code", _NO_REPLY),
    _c("enhanced_class", "Int16", "the first number of the enhanced code", _ENHANCED),
    _c("enhanced_subject", "Int16", "its second number", _ENHANCED),
    _c("enhanced_detail", "Int16", "its third number", _ENHANCED),
    _c("n_lines", "Int32", "of the reply", _NO_REPLY, unit="lines"),
    _c(
        "send_ms",
        "float64",
        "until the kernel took its last octet; 0: all at once",
        "nothing was sent",
    ),
    _c("wait_ms", "float64", "last octet sent to first octet of the reply", _NO_REPLY),
    _c("receive_ms", "float64", "first to last octet of the reply", _NO_REPLY),
    _c("bytes_sent", "Int64", "content included", "nothing was sent", unit="octets"),
    _c("bytes_received", "Int64", "the reply", _NO_REPLY, unit="octets"),
    _c("tls", "boolean", "whether the exchange was encrypted"),
    _c(
        "pipelined",
        "boolean",
        "whether it left with others, or ahead of their replies",
    ),
    _c("timed_out", "boolean", "whether a deadline ended it"),
    _c("error_type", "category", "the fault that ended it", "no fault"),
    _HOST,
    _PORT,
    _PEER,
    _c("exchange_no", "int32", "0 the greeting, 1.. the commands"),
    _c("transaction_no", "Int32", "1.. in order of MAIL", "outside a transaction"),
    _SESSION,
    _RUN,
)

TRANSACTIONS: Final = (
    _c("ts", "utc", "wall clock at MAIL"),
    _c("mail_from", "text", "the reverse-path", "MAIL is not in the table"),
    _c("rcpt_to", "text", "the forward-path", "no RCPT"),
    _c(
        "outcome",
        "category",
        "what became of it for this recipient",
        "it still goes on",
    ),
    _c("final_code", "Int16", "the reply that decided", "none did"),
    _c("final_enhanced", "category", "its enhanced status code", "none, or no such"),
    _c("final_text", "text", "its text", "none did"),
    _c(
        "queue_id", "text", "the server's own, as far as its last text tells", "unknown"
    ),
    _c("final_step", "category", "how far it came", ""),
    _c("reason", "category", "the fault behind aborted and unknown", "no fault"),
    _c("mail_code", "Int16", "the reply to MAIL", _NO_REPLY),
    _c("rcpt_code", "Int16", "the reply to this RCPT", _NO_REPLY),
    _c("rcpt_enhanced", "category", "its enhanced status code", _ENHANCED),
    _c(
        "size",
        "Int64",
        "of the content on the wire, final dot left out",
        "no content left",
        unit="octets",
    ),
    _c("smtputf8", "boolean", "whether MAIL said SMTPUTF8 (RFC 6531)"),
    _c("body_type", "category", "the BODY parameter of MAIL", "none"),
    _c("setup_ms", "float64", "MAIL to the reply to DATA", _NOT_SAID),
    _c(
        "transmit_ms", "float64", "first octet of content to the final reply", _NOT_SAID
    ),
    _c("total_ms", "float64", "MAIL to the last reply or fault"),
    _HOST,
    _PORT,
    _PEER,
    _c("transaction_no", "int32", "1.. in order of MAIL"),
    _c("recipient_no", "int32", "1.. in order of RCPT; 0 if there was no RCPT"),
    _c("attempt_key", "text", "the same for each attempt at sender, recipient, host"),
    _SESSION,
    _RUN,
)

PHASES: Final = (
    _c("dns_ms", "float64", "resolving", _NOT_SAID),
    _c("connect_ms", "float64", "connecting, failed attempts included", _NOT_SAID),
    _c("greeting_ms", "float64", "connected to the end of the greeting", _NOT_SAID),
    _c("ehlo_ms", "float64", "EHLO or HELO", _NOT_SAID),
    _c("starttls_ms", "float64", "STARTTLS to its reply", _NOT_SAID),
    _c("tls_ms", "float64", "the handshake", _NOT_SAID),
    _c("ehlo_tls_ms", "float64", "EHLO after STARTTLS", _NOT_SAID),
    _c("auth_ms", "float64", "all lines of AUTH", _NOT_SAID),
    _c("mail_ms", "float64", "MAIL", _NOT_SAID),
    _c("rcpt_ms", "float64", "all RCPT", _NOT_SAID),
    _c("data_ms", "float64", "DATA to its reply", _NOT_SAID),
    _c("body_ms", "float64", "sending content", _NOT_SAID),
    _c("eod_ms", "float64", "the final dot to its reply", _NOT_SAID),
    _c("quit_ms", "float64", "QUIT", _NOT_SAID),
    _c("other_ms", "float64", "the user's think time, and everything else"),
)

SESSIONS: Final = (
    _c("ts", "utc", "wall clock at the start"),
    _HOST,
    _PORT,
    _c(
        "outcome",
        "category",
        "zgrab2's words, and cancelled",
        "still open",
        words=_SESSION_OUTCOMES,
    ),
    _c("software", "category", "a guess from the greeting", "no guess"),
    _c("tls_mode", "category", "how TLS came to be"),
    _c("n_exchanges", "Int32", "rows in exchanges"),
    _c("n_transactions", "Int32", "transactions"),
    _c("total_ms", "float64", "the sum of the phases"),
    _PEER,
    _c("ip_version", "Int8", "4 or 6", "not connected"),
    _c("local_ip", "category", "our own address", "not connected"),
    _c("error_type", "category", "the class of the last fault", "no fault"),
    _c("error_text", "text", "its text", "no fault"),
    _c("greeting", "text", "the greeting's text", "no greeting"),
    _c(
        "capabilities",
        "list",
        "keywords with parameters, sorted; before STARTTLS",
        "no EHLO granted",
    ),
    _c("capabilities_tls", "list", "the same after STARTTLS", "no EHLO after it"),
    _c("size_limit", "Int64", "the last SIZE offered", "none", unit="octets"),
    _c("auth_mechs", "list", "the last SASL mechanisms offered", "no EHLO granted"),
    *PHASES,
    _c("bytes_sent", "Int64", "SMTP, before encryption", unit="octets"),
    _c("bytes_received", "Int64", "SMTP, after decryption", unit="octets"),
    _c("tls_version", "category", "such as TLSv1.3", _NO_TLS),
    _c("tls_cipher", "category", "the cipher suite", _NO_TLS),
    _c("tls_alpn", "category", "the protocol agreed by ALPN", "none"),
    _c("cert_subject", "text", "of the server's certificate", _NO_TLS),
    _c("cert_issuer", "text", "of the server's certificate", _NO_TLS),
    _c("cert_san", "list", "its names", _NO_TLS),
    _c("cert_not_before", "utc", "its first moment", _NO_TLS),
    _c("cert_not_after", "utc", "its last moment", _NO_TLS),
    _c("cert_sha256", "text", "its fingerprint, hex", _NO_TLS),
    _c("cert_key", "category", 'such as "EC 256"', _NO_TLS),
    _c("tls_verified", "boolean", "whether verification succeeded", _NO_TLS),
    _c("schema", "Int16", "the version of these columns"),
    _SESSION._replace(dtype="text"),
    _RUN,
)

# What a cell shows of a table; the frame holds all of it.
SHOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "events": ("t_ms", "event", "direction", "step", "code", "text", "dt_ms"),
    "exchanges": tuple(column.name for column in EXCHANGES[1:8]),
    "transactions": tuple(column.name for column in TRANSACTIONS[:8]),
    "sessions": tuple(column.name for column in SESSIONS[:9]),
}
TABLES: Final[Mapping[str, tuple[Column, ...]]] = {
    "events": EVENTS,
    "exchanges": EXCHANGES,
    "transactions": TRANSACTIONS,
    "sessions": SESSIONS,
}


def dictionary(table: str | None = None) -> pd.DataFrame:
    """Return what every column is: its name, dtype, unit, meaning, and when it is null.

        smtpnb.transcript.dictionary("exchanges")

    Args:
        table: "events", "exchanges", "transactions" or "sessions"; None for all.

    Returns:
        One row for each column, in order: `table`, `name`, `dtype`, `unit`, `meaning`,
        `null` ("" for never), `words` (of a closed vocabulary).

    Raises:
        ValueError: There is no such table.
    """
    import pandas as pd  # loaded only when used

    if table is not None and table not in TABLES:
        raise ValueError(f"there is no table {table!r}; there are {', '.join(TABLES)}")
    rows = [
        (name, *column[:5], " ".join(column.words))
        for name, columns in TABLES.items()
        for column in columns
        if table in {None, name}
    ]
    names = ["table", *Column._fields]
    return pd.DataFrame(rows, columns=names)


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
        value = values.get(column.name)
        if value is None:
            value = typed(pa.nulls(n_rows, field.type), column.dtype)
        if column.words:
            value = closed(value, column)
        frame[column.name] = value
    return pd.DataFrame(frame, copy=False)  # nobody else has these columns


def closed(value: Any, column: Column) -> Any:
    """Return a categorical with all words of its vocabulary, in their order."""
    import pandas as pd  # loaded only when used

    value = pd.Categorical(value)
    there = value.categories.tolist()
    more = [word for word in there if word not in column.words]
    wanted = [*column.words, *more]
    if there == wanted and bool(value.ordered) == column.ordered:
        return value
    words = pd.Index(wanted, dtype=value.categories.dtype)
    return value.set_categories(words, ordered=column.ordered)


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
            values[column.name] = typed(array, column.dtype)
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


def shown(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Return a frame that shows itself in a few columns, and holds all."""
    from smtpnb.transcript.display import TableFrame  # loads pandas

    made = TableFrame(frame)
    made.attrs["table"] = table
    return made


def coerce(table: str, source: Any) -> pd.DataFrame:
    """Return what is a table of ours, as one (see `door`)."""
    from smtpnb.transcript import door  # loads pandas

    return door.coerce(table, source)


def typed(array: Any, dtype: str) -> Any:
    """Return a pyarrow array as what pandas holds in a column of a dtype above."""
    import pandas as pd  # loaded only when used

    from smtpnb.transcript import columns as col  # loads pandas

    match dtype:
        case "text":
            return col.text(*_values(array))
        case "category":
            return col.words(*_values(array))
        case "list":
            rows = [
                None if row is None else tuple(map(for_terminal, row))
                for row in array.to_pylist()
            ]
            return pd.Series(rows, dtype=object)
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
    # polars and DuckDB count without a sign.
    indices = encoded.indices.cast("int64")
    which = indices.fill_null(-1).to_numpy(zero_copy_only=False)
    # A part of a table may not use all of its dictionary.
    used = np.flatnonzero(np.bincount(which + 1, minlength=1)[1:])
    place = np.full(len(encoded.dictionary) + 1, -1)
    place[used] = np.arange(len(used))
    return encoded.dictionary.take(used).to_pylist(), place[which]
