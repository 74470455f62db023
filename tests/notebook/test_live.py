"""The live line and the bar: what they say while something is waited for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient

from smtpnb import MailObject, Sandbox, SmtpClient
from smtpnb._connection import Waiting
from smtpnb.notebook import live
from smtpnb.notebook.live import LiveLine, as_page, hint_of, size_of
from smtpnb.notebook.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable


def ticking(*times: float) -> Callable[[], float]:
    return iter(times).__next__


def test_it_waits_paints_and_goes() -> None:
    painted: list[str] = []
    clock = ticking(0.0, 0.2, 0.7, 0.7, 1.0, 1.5, 1.5)
    line = LiveLine("data", painted.append, clock, hint="interrupt the kernel")
    line.tick()
    line.tick()
    line.progress(2_000_000)
    line.tick()
    line.end()
    assert painted == [
        "data: 0.7 s (interrupt the kernel)",
        "data: 1.5 s, 2.0 MB sent (interrupt the kernel)",
        "",
    ]


def test_it_tells_what_is_left() -> None:
    line = LiveLine("data", print, ticking(0.0, 1.0, 3.0), limit=30, total=8_000_000)
    line.progress(1_000_000)
    line.progress(3_000_000)
    assert line.text() == (
        "data: 3.0 of 30 s, 3.0 MB sent of 8.0 (37 %), 1.0 MB/s, 5 s left"
    )


def test_it_tells_the_phase_and_its_deadline() -> None:
    line = LiveLine("send", print, lambda: 0.0, waiting=lambda: Waiting("eod", 599.6))
    assert line.text() == "send (eod): 0.0 s, at most 600 s more for this step"
    same = LiveLine("noop", print, lambda: 0.0, waiting=lambda: Waiting("noop", 9.0))
    assert same.text() == "noop: 0.0 s, at most 9 s more for this step"


def test_a_line_that_is_gone_leaves_no_text() -> None:
    assert as_page("") == {"text/plain": "", "text/html": ""}


def test_how_to_stop_is_said_in_the_words_of_the_place() -> None:
    assert "interrupt the kernel" in hint_of(SimpleNamespace(kernel=None))
    assert "Ctrl-C" in hint_of(SimpleNamespace())


def delivery(outcome: str) -> Any:
    return SimpleNamespace(outcome=outcome)


def test_a_bar_counts_rates_and_outcomes() -> None:
    painted: list[str] = []
    clock = ticking(0.0, 0.05, 1.0, 1.0, 2.0, 4.0)
    bar = Progress(total=8, paint=painted.append, clock=clock)
    bar(delivery("accepted"))  # too early to paint
    bar(delivery("refused"))
    with bar:
        pass
    head, tail = "25 % [#####---------------] 2 of 8 messages", "1 accepted, 1 refused"
    assert painted == [
        f"{head}, 1.0 messages/s, 6 s left, {tail}",
        f"{head}, 0.5 messages/s, 12 s left, {tail}",
    ]


def test_a_bar_stands_around_an_iterator_or_is_called() -> None:
    mails = [
        MailObject("ann@a.example", [f"n{n}@b.example"], "Subject: x\n\nx\n")
        for n in range(5)
    ]
    painted: list[str] = []
    with Sandbox() as sandbox, SmtpClient() as client:
        client.connect(sandbox)
        stream = client.stream(mails)
        told = list(Progress(stream, total=len(mails), paint=painted.append))
        assert [one.outcome for one in told] == ["accepted"] * 5
        assert "5 of 5 messages" in painted[-1]
        with Progress(paint=painted.append) as bar:
            client.send_all(mails, on_delivery=bar)
        assert painted[-1].startswith("5 messages, ")
        assert painted[-1].endswith("5 accepted")


def test_a_line_is_text_and_no_markup() -> None:
    page = as_page("noop (session <b>\x1b[31m, at 10:00)")
    assert "<b>" not in page["text/html"]
    assert "\x1b" not in page["text/plain"]
    assert as_page("") == {"text/plain": "", "text/html": ""}


class Impatient(NotebookClient):
    """Runs a notebook, and interrupts the kernel once, when content is on its way."""

    km: Any
    interrupt: Any = None

    def process_message(self, msg: Any, *args: Any) -> Any:
        said = msg["content"].get("data", {}).get("text/plain", "")
        if " MB sent" in said and self.interrupt is None:
            self.interrupt = asyncio.ensure_future(self.km.interrupt_kernel())
        return super().process_message(msg, *args)


def test_a_kernel_that_is_interrupted_in_mid_content_says_what_became_of_it() -> None:
    cells = [
        "%load_ext smtpnb",
        "%smtp sandbox fault body --stall;\n%smtp connect sandbox;",
        "big = 'Subject: x\\n\\n' + 'hello\\n' * 2_000_000",
        "%smtp send {big} --from a@a.example --to b@b.example",
        "%smtp",
    ]
    notebook = nbformat.v4.new_notebook(
        cells=list(map(nbformat.v4.new_code_cell, cells))
    )
    how: dict[str, Any] = {"timeout": 60, "kernel_name": "python3"}
    Impatient(notebook, allow_errors=True, **how).execute()
    error, status = notebook.cells[3].outputs[-1], notebook.cells[4].outputs[0]
    assert error["ename"] == "KeyboardInterrupt"
    assert "cancelled while sending the message" in error["evalue"]
    assert "the message was not sent: its end never left" in error["evalue"]
    assert len(error["traceback"]) == 1
    assert "CLOSED" in status["data"]["text/plain"]


@pytest.mark.parametrize("n_lines", [3, 40_000])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_the_size_of_a_content_is_that_with_its_line_ends(
    n_lines: int, end: bytes
) -> None:
    line = b"x" * 30
    assert size_of((line + end) * n_lines) == len((line + b"\r\n") * n_lines)


def test_the_lines_of_a_large_content_are_not_looked_at_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "normalised", None)  # the panel asks for it at a press
    content = b"x" * 30 + b"\r\n"
    assert size_of(content * 40_000) == 32 * 40_000
