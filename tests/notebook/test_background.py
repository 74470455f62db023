"""`--background`: a handle at once, a session reserved, an end that is told."""

from __future__ import annotations

import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import ipywidgets
import nbformat
import pytest
from IPython.core.error import UsageError
from nbclient import NotebookClient

from smtpnb import LocalProtocolError, Reply, State
from smtpnb.notebook import background
from smtpnb.notebook.background import Handle
from smtpnb.protocol.errors import Cancelled, ConnectError, ReplyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOON = 60  # seconds; a bound for what takes none


def begin(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;\n%smtp ehlo;\n%smtp mail a@b.example;")
    run("%smtp rcpt c@d.example;")


@pytest.mark.parametrize(
    ("before", "cell", "code"),
    [
        ("", "%smtp connect sandbox --background", 220),
        ("", "%smtp connect sandbox --tls starttls --background", 220),
        ("%smtp connect sandbox;", "%smtp ehlo --background", 250),
        ("%smtp connect sandbox;", "%smtp noop --background", 250),
        ("begin", "%%smtp data --background\nSubject: x\n\nx\n", 250),
        ("begin", "%smtp data --background", 354),
        ("begin", "%smtp bdat {b'x'} --last --background", 250),
    ],
)
def test_a_command_goes_on_while_the_cell_returns(
    run: Callable[[str], Any], before: str, cell: str, code: int
) -> None:
    if before == "begin":
        begin(run)
    elif before:
        run(before)
    handle = run(cell)
    assert isinstance(handle, Handle)
    answer = handle.join(SOON)
    assert isinstance(answer, Reply)
    assert answer.code == code
    assert handle.done()
    assert not handle.cancelled()
    assert handle.exception() is None
    assert not handle.cancel()


def test_messages_go_in_the_background_and_their_handle_is_awaited(
    run: Callable[[str], Any],
) -> None:
    run("%smtp connect sandbox;")
    run(
        "from smtpnb import MailObject\n"
        "mails = [MailObject('a@b.example', [f'{n}@d.example'], 'Subject: x')"
        " for n in range(30)]"
    )
    run("h = %smtp send {mails} --background")
    sent = run("await h")
    assert repr(sent) == "30 messages: 30 accepted"
    assert len(run("%smtp sandbox inbox")) == 30


def test_a_message_that_was_not_tried_says_why(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;")
    sent = run("%smtp send {['Subject: x']}")
    for shown in (repr(sent), sent._repr_html_()):
        assert "1 message: 1 not tried" in shown
        assert "or an EmailMessage, not str" in shown
        assert "reverse_path" not in shown
        assert "<table>" not in shown


@pytest.fixture
def stalled(run: Callable[[str], Any]) -> Iterator[Handle]:
    """A NOOP that is never answered, in the background."""
    run("%smtp sandbox fault noop --stall;\n%smtp connect sandbox;")
    handle: Handle = run("%smtp noop --background")
    yield handle
    handle.cancel()
    handle.exception(SOON)


@pytest.mark.parametrize(
    "cell", ["%smtp rset", "%smtp connect sandbox", "%%smtp\nNOOP\n", "%smtp quit"]
)
def test_the_session_is_reserved_meanwhile(
    run: Callable[[str], Any], stalled: Handle, cell: str
) -> None:
    with pytest.raises(LocalProtocolError, match="noop runs in the background of") as e:
        run(cell)
    assert "nothing was sent" in str(e.value)
    assert not stalled.done()


def test_what_is_beside_the_session_goes_on(
    run: Callable[[str], Any], stalled: Handle
) -> None:
    assert "noop in the background" in str(run("%smtp"))
    assert "Connected" in run("%smtp transcript text")
    assert run("%smtp @other connect sandbox").code == 220  # another session
    run("%smtp use other;")
    assert not stalled.done()
    assert stalled.session == "main"


@pytest.mark.parametrize("how", ["handle", "magic", "client"])
def test_it_is_cancelled_from_anywhere(
    run: Callable[[str], Any], stalled: Handle, how: str
) -> None:
    client = run("%smtp session")
    if how == "handle":
        assert stalled.cancel()
    elif how == "magic":
        run("%smtp cancel")
    else:
        client.cancel()
    with pytest.raises(Cancelled):
        stalled.join(SOON)
    assert stalled.cancelled()
    assert "Cancelled" in repr(stalled)
    assert client.state is State.CLOSED
    run("%smtp sandbox clear;")
    assert run("%smtp connect sandbox").code == 220


def test_a_new_connection_is_cancelled_alone(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;\n%smtp ehlo;")
    run("%smtp sandbox fault greeting --stall;")
    handle = run("%smtp connect sandbox --background")
    assert handle.cancel()
    assert isinstance(handle.exception(SOON), Cancelled)
    assert run("%smtp session").state is State.READY
    assert run("%smtp noop").code == 250


def test_a_cancel_that_comes_first_is_not_lost(
    run: Callable[[str], Any], shell: Any
) -> None:
    stops: list[str] = []
    handle = Handle("noop", "main", lambda: stops.append("stop"), shell)
    assert handle.cancel()
    handle._run(lambda: stops.append("sent"))
    assert handle.cancelled()
    assert stops == ["stop"]
    for cell in ("connect sandbox", "noop"):
        run("%smtp sandbox clear;\n%smtp disconnect")
        if cell == "noop":
            run("%smtp connect sandbox;")
        run(f"%smtp sandbox fault {'noop' if cell == 'noop' else 'greeting'} --stall;")
        for _ in range(5):
            handle = run(f"%smtp {cell} --background")
            handle.cancel()
            assert isinstance(handle.exception(SOON), Cancelled)
            if cell == "noop":
                run("%smtp connect sandbox;")


def test_waiting_has_a_limit_and_an_interrupt_ends_only_the_waiting(
    stalled: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TimeoutError, match="noop still runs"):
        stalled.join(0.01)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(background, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stalled.exception()
    assert not stalled.done()


def test_an_error_is_told_where_the_handle_is_and_where_it_is_joined(
    run: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    handle = run("%smtp connect 127.0.0.1:1 --background")
    assert isinstance(handle.exception(SOON), ConnectError)
    assert "ConnectError: " in repr(handle)
    capsys.readouterr()
    run("x = 1")
    with pytest.raises(ConnectError):
        run("_handle = %smtp connect 127.0.0.1:1 --background\n_handle.join()")
    shown = capsys.readouterr().out.strip().splitlines()
    red = [line for line in shown if line.startswith("\x1b[31mConnectError")]
    assert len(red) == 1
    assert "Traceback" not in "".join(shown)


def test_an_expectation_is_kept_in_the_background(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;")
    handle = run("%smtp noop --expect 5 --background")
    assert isinstance(handle.exception(SOON), ReplyError)
    assert run("%smtp noop").code == 250


def test_no_thread_to_be_had_is_told(
    run: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("%smtp connect sandbox;")

    def none(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none)
        with pytest.raises(UsageError, match="nothing was sent"):
            run("%smtp noop --background")
    assert run("%smtp noop").code == 250


@pytest.mark.parametrize("line", ["auth ann", "transcript", "sandbox", "lint"])
def test_what_asks_or_does_not_talk_has_no_background(
    run: Callable[[str], Any], line: str
) -> None:
    with pytest.raises(UsageError, match="has no --background"):
        run(f"%smtp {line} --background")


class Kernel:
    """As much of a kernel's shell as a handle asks for; it keeps what is shown."""

    def __init__(self, shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kernel = self
        self.display_formatter = shell.display_formatter
        self.shown: list[Any] = []
        monkeypatch.setattr(background, "display", self._show)
        monkeypatch.setattr(background, "update_display", self._show)

    def _show(self, what: Any, **_: Any) -> None:
        self.shown.append(what)


def test_in_a_kernel_the_line_is_updated_and_ends_as_the_answer(
    run: Callable[[str], Any], shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer: Reply = run("%smtp connect sandbox")
    kernel = Kernel(shell, monkeypatch)
    stops: list[str] = []
    handle = Handle("noop", "main", lambda: stops.append("stop"), kernel)
    began, may_end = threading.Event(), threading.Event()

    def work() -> Reply:
        handle.paint("noop: 1.0 s")
        began.set()
        assert may_end.wait(SOON)
        handle.paint("noop: 2.0 s")
        return answer

    handle._ipython_display_()
    line, button = kernel.shown
    assert "begins" in line["text/plain"]
    handle.start(work)
    assert began.wait(SOON)
    button.click()
    assert stops == ["stop"]
    may_end.set()
    assert handle.join(SOON) is answer
    for thread in threading.enumerate():
        if thread.name == "smtpnb-background":
            thread.join(SOON)
    texts = [page["text/plain"] for page in kernel.shown[2:]]
    heads = [text.partition(" (")[0] for text in texts]
    gone = ""  # the button
    said = repr(answer).partition(" (")[0]
    assert heads == ["noop: 1.0 s", "noop: 2.0 s", said, gone]
    assert "session main, at " in texts[0]  # a line that outlives its kernel is dated
    assert "smtpnb-answer" in kernel.shown[-2]["text/html"]
    assert button.comm is None  # closed
    handle._ipython_display_()  # shown once more, it is its answer
    assert kernel.shown[-1]["text/plain"] == repr(answer)


def test_in_a_kernel_an_error_stands_in_the_line_inert(
    shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel(shell, monkeypatch)
    handle = Handle("noop", "main", lambda: None, kernel)

    def work() -> None:
        raise ConnectError("<b>no</b>")

    handle._run(work)
    handle._ipython_display_()
    (page,) = kernel.shown
    assert "ConnectError: <b>no</b>" in page["text/plain"]
    assert "&lt;b&gt;no" in page["text/html"]


def test_the_line_in_a_notebook_ends_as_what_became_of_it() -> None:
    """By nbclient, as papermill and nbconvert run a notebook."""
    cells = [
        "%load_ext smtpnb",
        "%smtp sandbox fault noop --stall\n%smtp connect sandbox",
        "%smtp noop --background",
        # In one cell: what is said between two cells nbclient does not read.
        (
            "%smtp cancel\nimport threading\n"
            "running = threading.enumerate()\n"
            "[one.join(60) for one in running if 'background' in one.name]"
        ),
    ]
    notebook = nbformat.v4.new_notebook(
        cells=list(map(nbformat.v4.new_code_cell, cells))
    )
    NotebookClient(notebook, timeout=SOON, kernel_name="python3").execute()
    line, button = notebook.cells[2].outputs
    assert "Cancelled: cancelled while waiting" in line["data"]["text/plain"]
    if int(ipywidgets.__version__.partition(".")[0]) >= 8:
        assert button["data"]["text/plain"] == ""  # no dead button is saved


def test_the_end_of_python_does_not_wait_for_a_command() -> None:
    """As a kernel that is restarted."""
    code = (
        "from IPython.core.interactiveshell import InteractiveShell as Shell\n"
        "from smtpnb.notebook.magics import load\n"
        "shell = Shell.instance(); shell.history_manager.enabled = False; load(shell)\n"
        "shell.run_cell('%smtp sandbox fault noop --stall;')\n"
        "shell.run_cell('%smtp connect sandbox;')\n"
        "shell.run_cell('%smtp noop --background;')\n"
        "print('last line')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        timeout=SOON,
        check=False,
    )
    assert "last line" in ran.stdout
    assert ran.returncode == 0, ran.stderr


def test_a_handle_of_no_kernel_shows_its_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Handle("noop", "main", lambda: None, SimpleNamespace())._ipython_display_()
    assert capsys.readouterr().out == (
        "<Handle noop in the background, session main: begins>\n"
    )
