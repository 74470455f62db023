from __future__ import annotations

import copy
import errno
import inspect
import pickle
import re
from typing import Any

import pytest

from smtpnb.protocol import errors
from smtpnb.protocol.errors import (
    Cancelled,
    ConnectError,
    ConnectionLost,
    DeadlineExceeded,
    LocalProtocolError,
    PermanentReplyError,
    RemoteProtocolError,
    ReplyError,
    ResolveError,
    SmtpError,
    TlsError,
    TransientReplyError,
    TransportError,
)
from smtpnb.protocol.reply import Reply

# The tree: each class, what it is besides, and what it is not.
TREE: dict[type[Exception], tuple[type[Exception], ...]] = {
    SmtpError: (Exception,),
    ReplyError: (SmtpError,),
    TransientReplyError: (ReplyError, SmtpError),
    PermanentReplyError: (ReplyError, SmtpError),
    LocalProtocolError: (SmtpError,),
    RemoteProtocolError: (SmtpError,),
    TransportError: (SmtpError, OSError),
    ResolveError: (TransportError, SmtpError, OSError),
    ConnectError: (TransportError, SmtpError, OSError),
    TlsError: (TransportError, SmtpError, OSError),
    ConnectionLost: (TransportError, SmtpError, OSError),
    DeadlineExceeded: (SmtpError, TimeoutError, OSError),
    Cancelled: (Exception,),
}
KINDS = [kind for kind in TREE if kind is not Exception]
kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)

REPLY = Reply(b"451-4.3.0 a\r\n451 4.3.0 b\r\n")


def full(kind: Any, message: str = "it broke") -> Any:
    error = kind(
        message, phase="rcpt", peer="mx.example:25", reply=REPLY, outcome="unknown"
    )
    assert isinstance(error, SmtpError | Cancelled)
    return error


@kinds
def test_a_class_stands_where_the_tree_says(kind: type[Exception]) -> None:
    among = {*TREE, OSError, TimeoutError, Exception}
    expected = {*TREE[kind], kind, Exception}
    assert {other for other in among if issubclass(kind, other)} == expected


def test_the_tree_holds_every_exception_of_the_module() -> None:
    found = {
        kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind)
        and issubclass(kind, Exception)
        and not name.startswith("_")
    }
    assert found == set(TREE)


def test_the_docstring_draws_the_tree() -> None:
    drawn: dict[int, str] = {}
    seen = set()
    for depth, name in re.findall(
        r"^ +([| ]*)\+- (\w+)", errors.__doc__ or "", re.MULTILINE
    ):
        level = len(depth) // 3
        drawn[level] = name
        kind = getattr(errors, name)
        if level and drawn[level - 1] != "Exception":
            assert issubclass(kind, getattr(errors, drawn[level - 1]))
        else:
            assert not issubclass(kind, SmtpError) or kind is SmtpError
        seen.add(kind)
    assert seen == set(TREE)


def test_a_loop_that_swallows_smtp_errors_does_not_swallow_a_cancel() -> None:
    assert not issubclass(Cancelled, SmtpError | OSError | TimeoutError)


@pytest.mark.parametrize(
    ("kind", "handler"),
    [
        (ConnectionLost, OSError),
        (ConnectError, OSError),
        (ResolveError, OSError),
        (TlsError, OSError),
        (DeadlineExceeded, TimeoutError),
        (DeadlineExceeded, OSError),
    ],
)
def test_a_generic_handler_catches(
    kind: type[Exception], handler: type[OSError]
) -> None:
    with pytest.raises(handler) as caught:
        raise full(kind)
    assert caught.value.errno is None
    assert caught.value.strerror is None


@kinds
def test_an_error_survives_pickle_and_copy_with_its_context(
    kind: Any,
) -> None:
    error = full(kind)
    error.add_note("a note")
    if isinstance(error, TlsError):
        error.findings = ("expired",)
    versions = range(2, pickle.HIGHEST_PROTOCOL + 1)
    others = [pickle.loads(pickle.dumps(error, version)) for version in versions]
    for other in (*others, copy.copy(error), copy.deepcopy(error)):
        assert type(other) is kind
        assert str(other) == str(error)
        assert (other.phase, other.peer) == ("rcpt", "mx.example:25")
        assert (other.reply, other.outcome) == (REPLY, "unknown")
        assert other.args == error.args
        assert other.__notes__ == ["a note"]
        if isinstance(other, TlsError):
            assert other.findings == ("expired",)


@kinds
def test_an_error_needs_no_argument(kind: type[Exception]) -> None:
    error = kind()
    assert isinstance(error, SmtpError | Cancelled)
    assert str(error) == ""
    assert (error.phase, error.peer, error.reply) == (None, None, None)
    assert (error.outcome, error.transcript) == (None, None)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == ""


@kinds
def test_a_message_tells_phase_peer_last_reply_and_outcome(
    kind: Any,
) -> None:
    assert str(full(kind)) == (
        "it broke (phase: rcpt; peer: mx.example:25; "
        "last reply: 451 4.3.0 a | 4.3.0 b; message: unknown)"
    )


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({}, "it broke"),
        ({"phase": "data"}, "it broke (phase: data)"),
        ({"peer": "h:25"}, "it broke (peer: h:25)"),
        ({"outcome": "aborted"}, "it broke (message: aborted)"),
        ({"phase": "", "peer": ""}, "it broke"),
        ({"phase": "tls", "peer": "h:25"}, "it broke (phase: tls; peer: h:25)"),
    ],
)
def test_a_message_tells_only_what_is_known(
    context: dict[str, str], message: str
) -> None:
    error = SmtpError("it broke")
    for name, value in context.items():
        setattr(error, name, value)
    assert str(error) == message


def test_a_negative_reply_that_is_falsy_is_still_told() -> None:
    assert not REPLY
    assert "last reply: 451" in str(SmtpError("no", reply=REPLY))


def test_what_was_offered_is_no_part_of_a_fault() -> None:
    offer = Reply(b"250-mx.example\r\n250-SIZE\r\n250 HELP\r\n")
    assert str(SmtpError("no", reply=offer)) == "no (last reply: 250 mx.example | ...)"


HOSTILE = "a\r\nb\x1b[2J\x9b\u202e\u2028\ud800\x00\tc"


@kinds
def test_a_message_of_hostile_parts_is_one_inert_line(kind: Any) -> None:
    octets = HOSTILE.replace("\n", "").encode("utf-8", "surrogatepass")
    error = kind(
        HOSTILE,
        phase=HOSTILE,
        peer=HOSTILE,
        reply=Reply(b"550 " + octets + b"\r\n"),
        outcome=HOSTILE,
    )
    assert len(str(error).splitlines()) == 1
    assert str(error).isprintable()
    assert str(error).count("\\x1b[2J") == 5


@kinds
def test_an_error_can_be_raised_from_another(kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        raise full(kind) from OSError(errno.ECONNRESET, "reset")
    assert isinstance(caught.value.__cause__, OSError)
    assert "reset" not in str(caught.value)
