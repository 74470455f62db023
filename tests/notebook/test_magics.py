from __future__ import annotations

import os
import signal
import threading
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Literal

import pytest
from IPython.core.error import UsageError

from smtpnb import ConnectError, LocalProtocolError, Reply, Sandbox, SmtpClient, State
from smtpnb.edges.text import NO_LATEX
from smtpnb.notebook.help import usage
from smtpnb.notebook.live import LiveLine
from smtpnb.notebook.magics import SmtpMagics, load, unload
from smtpnb.notebook.render import ink
from smtpnb.protocol.errors import DeadlineExceeded, ReplyError, TlsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell


def test_a_session_goes_from_greeting_to_goodbye(run: Callable[[str], Any]) -> None:
    assert run("%smtp connect sandbox").code == 220
    assert run("%smtp ehlo client.example").code == 250
    assert run("%smtp starttls").code == 220
    assert run("%smtp ehlo client.example").code == 250
    assert run("%smtp MAIL FROM:<a@b.example> SIZE=99").code == 250
    assert run("%smtp rcpt to: <c@d.example>").code == 250
    assert run("%%smtp data\nSubject: {x}\n\n.dot\nÄ\n").code == 250
    inbox = run("%smtp sandbox inbox")
    assert list(inbox["octets"]) == ["Subject: {x}\r\n\r\n.dot\r\nÄ\r\n".encode()]
    assert list(inbox["mail_from"]) == ["a@b.example"]
    assert run("%smtp quit").code == 221


def test_a_reply_can_be_kept_silenced_and_named(
    run: Callable[[str], Any], shell: InteractiveShell
) -> None:
    run("%smtp connect sandbox;")
    run("r = %smtp ehlo")
    assert isinstance(shell.user_ns["r"], Reply)
    assert run("%smtp s << noop") is None
    assert shell.user_ns["s"].code == 250
    assert run("%smtp noop;") is None
    assert run("t = %smtp noop\nt.code") == 250


def test_a_cell_after_354_is_the_content_alone(run: Callable[[str], Any]) -> None:
    for line in ("connect sandbox", "ehlo", "mail a@b", "rcpt c@d"):
        run(f"%smtp {line}")
    assert run("%smtp data").code == 354
    assert run("name = 'Ann'\n") is None
    assert run("%%smtp data --expand\nHello {name}\n").code == 250
    assert list(run("%smtp sandbox inbox")["octets"]) == [b"Hello Ann\r\n"]


def test_a_refused_data_sends_no_content(run: Callable[[str], Any]) -> None:
    run("%smtp sandbox fault data --reply '451 4.3.0 Not now'")
    for line in ("connect sandbox", "ehlo", "mail a@b", "rcpt c@d"):
        run(f"%smtp {line}")
    assert run("%%smtp data\nHello\n").code == 451
    assert run("%smtp noop").code == 250
    assert len(run("%smtp sandbox inbox")) == 0


def test_a_refusal_is_an_answer_unless_something_else_was_expected(
    run: Callable[[str], Any],
) -> None:
    run("%smtp sandbox fault rcpt bad* --reply '550 5.1.1 No such mailbox'")
    for line in ("connect sandbox", "ehlo", "mail a@b"):
        run(f"%smtp {line}")
    assert run("%smtp rcpt bad@d").code == 550
    assert run("%smtp rcpt bad@d --expect 5.1.1").code == 550
    with pytest.raises(ReplyError, match="expected 2"):
        run("%smtp rcpt bad@d --expect 2")
    assert run("%smtp rcpt good@d --expect 25x").code == 250


def test_a_mistake_is_one_line_and_nothing_was_sent(
    run: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run("%smtp connect sandbox")
    capsys.readouterr()
    with pytest.raises(LocalProtocolError):
        run("%smtp data")
    shown = capsys.readouterr().out.strip()
    assert len(shown.splitlines()) == 1
    assert "DATA is out of order" in shown
    with pytest.raises(UsageError):
        run("%smtp nope")
    assert "Traceback" not in capsys.readouterr().err
    with pytest.raises(LocalProtocolError):
        run("x = 'a\\r\\nRSET'\n%smtp noop {x}")
    assert list(run("%smtp transcript events")["event"]).count("command") == 0


def test_lax_lifts_the_order_for_one_command(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox")
    assert run("%smtp rcpt a@b --lax").code == 503
    with pytest.raises(LocalProtocolError):
        run("%smtp rcpt a@b")


def test_sessions_stand_side_by_side(run: Callable[[str], Any]) -> None:
    run("%smtp @one connect sandbox")
    run("%smtp @two connect sandbox")
    run("%smtp use two")
    run("%smtp @one ehlo")
    assert run("%smtp @one session").state is State.READY
    assert run("%smtp session").state is State.CONNECTED
    assert run("%smtp session one").state is State.READY
    assert run("%smtp session").state is State.CONNECTED
    table = run("%smtp sessions")
    assert list(table["name"]) == ["one", "two"]
    assert list(table["current"]) == [False, True]
    client = run("from smtpnb import SmtpClient\nmine = SmtpClient()\nmine")
    assert run("%smtp use {mine}") is client
    assert isinstance(client, SmtpClient)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("unix:/nowhere/at/all", ConnectError),
        ("{object()}", UsageError),
        ("sandbox --lift no", LocalProtocolError),
    ],
)
def test_a_connect_in_vain_takes_no_name(
    run: Callable[[str], Any], target: str, error: type[Exception]
) -> None:
    run("%smtp @one connect sandbox")
    with pytest.raises(error):
        run(f"%smtp @two connect {target}")
    assert list(run("%smtp sessions")["name"]) == ["one"]
    with pytest.raises(UsageError, match="no session 'two'; there are: one"):
        run("%smtp use two")
    if error is ConnectError:  # what was recorded can be asked for
        assert "no connection could be made" in str(run("%smtp @two explain"))
    else:
        with pytest.raises(UsageError, match="no session 'two'"):
            run("%smtp @two noop")
    assert run("%smtp @two connect sandbox").code == 220
    assert list(run("%smtp sessions")["name"]) == ["one", "two"]


@pytest.mark.parametrize("line", ["@typo noop", "use typo", "session typo", "@typo"])
def test_an_unknown_session_is_told_and_not_made(
    run: Callable[[str], Any], line: str
) -> None:
    run("%smtp @one connect sandbox")
    with pytest.raises(UsageError, match="no session 'typo'; there are: one"):
        run(f"%smtp {line}")
    assert list(run("%smtp sessions")["name"]) == ["one"]


def test_host_and_port_stand_apart_as_for_telnet(run: Callable[[str], Any]) -> None:
    port = run("%smtp sandbox").port
    assert run(f"%smtp connect 127.0.0.1 {port}").code == 220
    assert run("%smtp connect").code == 220


def test_auth_is_checked_before_a_password_is_asked_for(
    run: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: str) -> str:
        raise AssertionError("asked")

    monkeypatch.setattr("getpass.getpass", never)
    with pytest.raises(LocalProtocolError, match="not connected"):
        run("%smtp auth ann")
    run("%smtp connect sandbox")
    with pytest.raises(LocalProtocolError, match="AUTH is out of order"):
        run("%smtp auth ann")
    run("%smtp ehlo")
    with pytest.raises(LocalProtocolError, match="does not offer AUTH"):
        run("%smtp auth ann")


def test_a_bare_data_tells_the_way_out(run: Callable[[str], Any]) -> None:
    for line in ("connect sandbox", "ehlo", "mail a@b", "rcpt c@d"):
        run(f"%smtp {line}")
    assert "%smtp end" in repr(run("%smtp data"))
    ended = run("%smtp end")
    assert ended.code == 250
    assert "taken responsibility" in repr(ended)


def test_a_second_connect_says_what_was_lost(
    run: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for line in ("connect sandbox", "ehlo", "mail a@b"):
        run(f"%smtp {line}")
    run("%smtp connect")
    assert "which is lost" in capsys.readouterr().out
    assert run("%smtp session").state is State.CONNECTED


def test_connect_with_starttls_verifies_by_the_ca_of_the_sandbox(
    run: Callable[[str], Any],
) -> None:
    assert run("%smtp connect sandbox --tls starttls").code == 220
    client = run("%smtp session")
    assert client.tls["verified"] is True
    assert client.state is State.READY


def test_a_password_never_stands_on_the_line(
    run: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("users = {'ann': 'open sesame'}\n%smtp sandbox --auth {users}")
    run("%smtp connect sandbox --tls starttls")
    with pytest.raises(UsageError, match="never type a password"):
        run("%smtp auth ann secret")
    monkeypatch.setenv("ANNS", "open sesame")
    assert run("%smtp auth ann --password-env ANNS").code == 235
    assert "sesame" not in run("%smtp transcript text")


def test_a_password_is_asked_for(
    run: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "wrong"

    monkeypatch.setattr("getpass.getpass", answer)
    run("users = {'ann': 'open sesame'}\n%smtp sandbox --auth {users}")
    run("%smtp connect sandbox --tls starttls")
    assert run("%smtp auth ann --mechanism login").code == 535
    assert asked == ["Password of ann: "]


def test_raw_octets_bring_their_replies(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox")
    replies = run("%smtp raw {b'NOOP\\r\\nNOOP\\r\\n'} --replies 2")
    assert [reply.code for reply in replies] == [250, 250]
    assert run("%smtp command XYZZY a  b").code == 500


def test_the_timeout_is_told_and_the_transcript_is_there(
    run: Callable[[str], Any],
) -> None:
    run("%smtp sandbox fault noop --stall")
    run("%smtp connect sandbox")
    with pytest.raises(DeadlineExceeded):
        run("%smtp noop --timeout 0.2")
    assert run("%smtp session").state is State.CLOSED
    assert "DeadlineExceeded" in run("%smtp transcript text")
    run("%smtp sandbox clear")
    assert run("%smtp connect").code == 220


def test_an_interrupt_cancels_closes_and_is_raised_again(
    run: Callable[[str], Any],
) -> None:
    run("%smtp sandbox fault noop --stall")
    run("%smtp connect sandbox")
    client = run("%smtp session")
    interrupted = threading.Event()

    def interrupt_once() -> None:
        if not interrupted.is_set():
            interrupted.set()
            os.kill(os.getpid(), signal.SIGINT)

    client.on_tick = interrupt_once
    monkey = pytest.MonkeyPatch()
    monkey.setattr(LiveLine, "tick", lambda _: interrupt_once())
    phase = "phase: noop"
    with monkey.context(), pytest.raises(KeyboardInterrupt, match=phase):
        run("%smtp noop")
    monkey.undo()
    assert interrupted.is_set()
    assert client.state is State.CLOSED
    assert "cancel" in client.transcript.text()


def test_help_and_status_are_words(run: Callable[[str], Any]) -> None:
    assert "connect" in run("%smtp --help")
    assert "--notify" in run("%smtp rcpt --help")
    assert "may be sent now: connect" in run("%smtp")
    function: Any = SmtpMagics.smtp
    assert usage() in function.__doc__


def test_what_would_be_refused_is_not_said_to_be_in_order(
    run: Callable[[str], Any],
) -> None:
    run("%smtp connect sandbox --tls starttls;")
    said = run("%smtp")
    assert "MAIL" in said
    assert "STARTTLS" not in said
    assert "AUTH" not in said  # not offered
    run("%smtp sandbox stop")
    run("users = {'ann': 'open sesame'}\nword = users['ann']")
    run("%smtp sandbox --auth {users};\n%smtp connect sandbox --tls starttls;")
    assert "AUTH" in run("%smtp")
    run("%smtp auth ann {word};")
    assert "AUTH" not in run("%smtp")


def test_a_cell_belongs_to_data_alone(run: Callable[[str], Any]) -> None:
    with pytest.raises(UsageError, match="only %%smtp data"):
        run("%%smtp noop\nx\n")


def traces(shell: Any) -> dict[str, Any]:
    """What an extension may leave behind in a shell."""
    magics = shell.magics_manager
    formatters = shell.display_formatter.formatters
    return {
        "magics": {kind: set(found) for kind, found in magics.magics.items()},
        "registry": set(magics.registry),
        "settings": {type(one).__name__ for one in shell.configurables},
        "transformers": [
            list(shell.ast_transformers),
            list(shell.input_transformers_post),
            list(shell.input_transformer_manager.line_transforms),
        ],
        "completer": set(vars(shell.Completer)),
        "matchers": list(shell.Completer.matchers),
        "hooks": {name: list(found) for name, found in shell.events.callbacks.items()},
        "types": {kind: dict(one.type_printers) for kind, one in formatters.items()},
        "deferred": {
            kind: dict(one.deferred_printers) for kind, one in formatters.items()
        },
        "handlers": shell.custom_exceptions,
        "variables": set(shell.user_ns),
        "config": deepcopy(dict(shell.config)),
    }


def test_loading_twice_and_unloading_leave_no_trace(shell: Any) -> None:
    unload(shell)
    shell.run_cell("%config")  # IPython registers its own when one is used
    before = traces(shell)
    load(shell)
    loaded = traces(shell)
    assert loaded["magics"] != before["magics"]
    load(shell)
    assert traces(shell) == loaded
    shell.run_cell("%config SmtpMagics.colours = False")
    shell.run_cell("%smtp connect sandbox;")
    unload(shell)
    after = traces(shell)
    for name in ("In", "Out", "_i", "_ii", "_iii", "_dh"):
        after["variables"].discard(name)
        before["variables"].discard(name)
    assert {key: value for key, value in after.items() if value != before[key]} == {}
    assert ink("red") == "red"
    unload(shell)
    load(shell)
    assert "smtp" in shell.magics_manager.magics["cell"]


def test_what_the_user_had_for_a_type_comes_back(shell: Any) -> None:
    unload(shell)
    formatter = shell.display_formatter.formatters["text/html"]

    def mine(_: Any) -> str:
        return "mine"

    formatter.for_type("pandas.core.frame.DataFrame", mine)
    load(shell)
    unload(shell)
    assert formatter.pop("pandas.core.frame.DataFrame") is mine
    load(shell)


def test_answers_and_errors_do_without_colours(
    run: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run("%smtp connect sandbox;")
    assert "#" in run("%smtp noop")._repr_html_()
    run("%config SmtpMagics.colours = False")
    shown = run("%smtp noop")._repr_html_()
    assert "#" not in shown
    assert "currentColor" in shown
    capsys.readouterr()
    with pytest.raises(LocalProtocolError):
        run("%smtp data")
    assert capsys.readouterr().out.startswith("LocalProtocolError: ")


def test_an_identity_that_is_set_later_is_said(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;")
    for name in ("one.example", "two.example"):
        run(f"%config SmtpMagics.identity = '{name}'")
        run("%smtp ehlo;")
        assert f" -> EHLO {name}" in run("%smtp transcript text")
    run("client = %smtp session\nclient.identity = 'mine.example'")
    run("%config SmtpMagics.identity = 'three.example'")
    run("%smtp ehlo;")
    assert " -> EHLO mine.example" in run("%smtp transcript text")


def test_a_timeout_below_zero_is_refused(
    run: Callable[[str], Any], caplog: pytest.LogCaptureFixture
) -> None:
    run("%config SmtpMagics.timeout = -1")
    assert "should not be less than 0" in caplog.text
    assert run("%config SmtpMagics.timeout") is None


def test_a_sandbox_made_in_python_can_be_connected_to(
    run: Callable[[str], Any], shell: InteractiveShell
) -> None:
    with Sandbox(tls="implicit") as sandbox:
        shell.user_ns["mine"] = sandbox
        assert run("%smtp connect {mine}").code == 220
        assert run("%smtp session").tls["verified"] is True
        run("%smtp disconnect")


def test_conformance_shows_the_findings_of_its_session(
    run: Callable[[str], Any],
) -> None:
    run("%smtp connect sandbox")
    run("%smtp quit")
    run("%smtp connect sandbox")
    found = run("%smtp conformance --rude")
    assert found["session_id"].nunique() == 5  # a connection for each part
    assert "0 FAIL, 0 WARN" in str(found)
    assert "(asked 19 of 19)" in str(found)
    assert run("%smtp lint")["session_id"].nunique() == 6
    with pytest.raises(UsageError, match="has no --expect"):
        run("%smtp conformance --expect 250")


def test_a_frame_is_never_typeset_in_a_notebook(
    run: Callable[[str], Any], shell: Any
) -> None:
    frame = run("%smtp transcript events")
    shown = shell.display_formatter.format(frame)[0]["text/html"]
    assert f'class="dataframe {NO_LATEX}"' in shown
    unload(shell)
    formatter = shell.display_formatter.formatters["text/html"]
    assert "pandas.core.frame.DataFrame" not in formatter
    load(shell)


def test_a_table_shows_every_column_if_asked(run: Callable[[str], Any]) -> None:
    run("%smtp connect sandbox;")
    short = run("%smtp transcript exchanges")
    whole = run("%smtp transcript exchanges --all")
    assert list(whole.columns) == list(short.columns)
    assert "more columns" in repr(short)
    assert "more columns" not in repr(whole)
    assert "more columns" not in whole._repr_html_()
    for line in ("transcript --all", "transcript text --all"):
        with pytest.raises(UsageError, match="--all goes with a table"):
            run(f"%smtp {line}")


def test_a_transcript_is_its_dialogue_in_a_terminal_too(
    run: Callable[[str], Any], shell: Any
) -> None:
    run("%smtp connect sandbox;\n%smtp ehlo me.example;")
    shown = run("%smtp transcript")
    text = shell.display_formatter.format(shown)[0]["text/plain"]
    assert text == str(shown)
    assert "EHLO me.example" in text
    unload(shell)
    text = shell.display_formatter.format(shown)[0]["text/plain"]
    assert text.startswith("<Transcript")
    load(shell)


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_the_certificate_may_name_another_than_the_host(
    run: Callable[[str], Any], shell: Any, tls: Literal["implicit", "starttls"]
) -> None:
    with Sandbox(tls=tls) as local:
        shell.user_ns["ca"] = local.ca
        line = f"connect 127.0.0.1 {local.port} --tls {tls} --ca {{ca}} --server-name"
        with pytest.raises(TlsError):
            run(f"%smtp {line} mx.other.example")
        assert run("%smtp session").state is State.CLOSED
        assert run(f"%smtp {line} localhost").code == 220
        tls_facts = run("%smtp session").tls
        assert tls_facts["server_hostname"] == "localhost"
        assert tls_facts["verified"] is True
        assert run("%smtp connect").code == 220  # the name is kept for a repetition
        assert run("%smtp session").tls["server_hostname"] == "localhost"
        run("%smtp disconnect")


def test_starttls_takes_a_name_as_well(run: Callable[[str], Any], shell: Any) -> None:
    with Sandbox() as local:
        shell.user_ns["ca"] = local.ca
        run(f"%smtp connect 127.0.0.1 {local.port};\n%smtp ehlo;")
        said = run("%smtp starttls --ca {ca} --server-name=localhost")
        assert "name: localhost" in repr(said)
        run("%smtp disconnect")


def test_conformance_goes_on_by_the_tls_and_in_the_session_of_its_line(
    run: Callable[[str], Any],
) -> None:
    run("%smtp @other connect sandbox --tls starttls;")
    found = run("%smtp @other conformance")
    sessions = run("%smtp @other transcript sessions")
    assert found["session_id"].nunique() == len(sessions) > 1
    assert sessions["tls_version"].notna().all()


def test_a_panel_follows_the_name_of_its_session(
    run: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def panel(client: SmtpClient, target: Any, **more: Any) -> None:
        asked.update(client=client, target=target, **more)

    monkeypatch.setattr("smtpnb.notebook.panel.Panel", panel)
    run("%smtp @two connect sandbox;")
    run("%smtp @two panel")
    assert asked["client"] is run("%smtp @two session")
    assert asked["target"] is run("%smtp sandbox") is asked["sandbox"]()
    run("%smtp @two connect sandbox;")
    assert asked["follow"]() is run("%smtp @two session") is not asked["client"]
