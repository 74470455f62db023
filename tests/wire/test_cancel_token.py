"""The token: set at once, waking whoever waits, closing nobody else's files."""

from __future__ import annotations

import errno
import os
import pickle
import select
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb.protocol.errors import ConnectError
from smtpnb.wire import cancel
from smtpnb.wire.cancel import CancelToken

if TYPE_CHECKING:
    from types import FrameType


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _is_readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])


def _open_files() -> set[str]:
    return {path.name for path in Path("/dev/fd").iterdir() if path.exists()}


def test_a_token_costs_no_descriptor_until_somebody_waits() -> None:
    before = _open_files()
    tokens = [CancelToken() for _ in range(100)]
    for token in tokens:
        token.cancel()
    assert _open_files() == before
    assert all(token.requested for token in tokens)


def test_a_cancel_wakes_and_stays() -> None:
    token = CancelToken()
    fd = token.fileno()
    assert token.fileno() == fd
    assert not _is_readable(fd)
    token.cancel()
    token.cancel()
    assert _is_readable(fd)
    assert token.requested
    assert repr(token) == "<CancelToken requested>"


def test_a_cancel_before_anybody_waits_wakes_who_comes() -> None:
    token = CancelToken()
    token.cancel()
    assert _is_readable(token.fileno())


def test_cancelling_more_often_than_a_pipe_holds_never_blocks() -> None:
    token = CancelToken()
    fd = token.fileno()
    for _ in range(70_000):
        token.cancel()
    assert _is_readable(fd)


def test_closing_gives_the_descriptors_back_once() -> None:
    token = CancelToken()
    fd = token.fileno()
    token.close()
    assert not _is_open(fd)
    assert token.fileno() == -1
    with open(os.devnull) as mine:  # noqa: PTH123  # it takes the lowest number
        assert mine.fileno() <= fd + 1
        token.close()
        token.cancel()
        del token
        assert _is_open(mine.fileno())


def test_closing_waits_for_nobody_who_writes() -> None:
    token = CancelToken()
    fd = token.fileno()
    writer = token._pipe  # as a canceller in another thread holds it
    token.close()
    assert writer is not None
    writer.wake()
    assert _is_readable(fd)
    del writer
    assert not _is_open(fd)


def test_no_descriptor_left_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def pipe() -> tuple[int, int]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    token = CancelToken()
    monkeypatch.setattr(os, "pipe", pipe)
    with pytest.raises(ConnectError, match="could not be cancelled: Too many open"):
        token.fileno()
    token.cancel()
    token.close()
    assert token.requested


def test_half_a_token_ends_silently(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def getpid() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "getpid", getpid)
    with pytest.raises(KeyboardInterrupt):
        CancelToken()
    assert capsys.readouterr().err == ""


def test_a_token_does_not_travel() -> None:
    with pytest.raises(TypeError, match="one connection in one process"):
        pickle.dumps(CancelToken())


class _Interrupts:
    """Raise SIGINT at the n-th line that runs in cancel.py."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.came = False

    def __call__(self, frame: FrameType, event: str, _arg: Any) -> Any:
        if frame.f_code.co_filename != cancel.__file__:
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                self.came = True
                signal.raise_signal(signal.SIGINT)
                return None
        return self


def _life() -> None:
    token = CancelToken()
    token.fileno()
    token.cancel()
    token.close()
    token.cancel()


def _interrupted(line: int) -> bool:
    """Interrupt a token's life at a line; False if it has fewer lines."""
    interrupts = _Interrupts(line)
    try:
        sys.settrace(interrupts)
        _life()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    return interrupts.came


# An interrupt inside __del__ is printed, not raised: Python has no other place for it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_any_line_closes_nothing_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours: set[int] = set()
    pipe, close = os.pipe, os.close

    def making() -> tuple[int, int]:
        made = pipe()
        ours.update(made)
        return made

    def closing(fd: int) -> None:
        assert fd in ours, "somebody else's"
        ours.discard(fd)
        close(fd)

    monkeypatch.setattr(os, "pipe", making)
    monkeypatch.setattr(os, "close", closing)
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        line = 1
        while _interrupted(line):
            line += 1
    finally:
        signal.signal(signal.SIGINT, previous)
    assert line > 20  # every line of every method, and then none
    # Between two lines of closing an interrupt can leave a descriptor, never take one.
    assert len(ours) < line
    for fd in ours:
        close(fd)


def test_cancelling_while_others_open_and_close_loses_no_wake_up() -> None:
    for _ in range(200):
        token = CancelToken()
        start = threading.Barrier(2)

        def stop(token: CancelToken = token, start: Any = start) -> None:
            start.wait(10)
            token.cancel()

        thread = threading.Thread(target=stop)
        thread.start()
        start.wait(10)
        fd = token.fileno()
        assert select.select([fd], [], [], 10)[0]
        thread.join()
        token.close()
