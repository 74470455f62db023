"""The panel without a browser: its buttons, its worker, and what it paints."""

from __future__ import annotations

import re
import threading
import time
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb import Sandbox, SmtpClient, State
from smtpnb.notebook.panel import Panel, actions, diagram, dialogue, samples
from smtpnb.notebook.panel.aloud import aloud, milestone
from smtpnb.notebook.panel.controls import IMPLICIT
from smtpnb.notebook.panel.feed import KEPT, Feed
from smtpnb.notebook.panel.painter import PAUSE_S
from smtpnb.notebook.panel.worker import NO_THREAD, Answer, Look, Worker
from smtpnb.protocol.session import LMTP_TABLE, TABLE
from smtpnb.transcript import Transcript, events
from smtpnb.wire.record import Record
from tests.support.leaks import no_leaks
from tests.support.patience import AT_ONCE
from tests.support.scripted import Hear, Listen, Say, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def panel(sandbox: Sandbox) -> Iterator[Panel]:
    panel = Panel(target=sandbox)
    yield panel
    panel.client.cancel()
    _settle(panel)
    panel.close()


def _settle(panel: Panel) -> None:
    """Wait until the operation has ended and the painter has painted its end."""
    assert panel.worker.join(10)
    assert panel.painter.join(10)


def _button(panel: Panel, name: str) -> Any:
    special = {"Connect": panel.connect_button, "Send": panel.send_button}
    return special.get(name) or panel.verbs[name]


def _display(panel: Panel) -> Any:
    """Do what a notebook does to show it, with ipywidgets 8 or 7."""
    show = getattr(panel, "_repr_mimebundle_", None) or panel._ipython_display_
    return show()


def _press(panel: Panel, *names: str) -> None:
    for name in names:
        assert not actions.why_not(panel.client, name)
        _button(panel, name).click()
        _settle(panel)


def _possible(panel: Panel) -> set[str]:
    """The verbs that look as if they could be pressed."""
    return {
        verb
        for verb, button in panel.verbs.items()
        if "smtpnb-not-now" not in button._dom_classes
    }


def _enter(field: Any) -> None:
    """What a front end sends for the key."""
    field._handle_custom_msg({"event": "submit"}, [])


def _until(reached: Callable[[], bool]) -> None:
    """Look until something holds; bounded, so that a fault is told."""
    pause = threading.Event()
    for _ in range(1000):
        if reached():
            return
        pause.wait(0.01)
    raise AssertionError("it did not come about within 10 s")


def test_it_begins_with_nothing_but_connect(panel: Panel, sandbox: Sandbox) -> None:
    assert panel.address.value == f"{sandbox.host}:{sandbox.port}"
    assert _possible(panel) == set()
    assert "smtpnb-next" in panel.connect_button._dom_classes


def test_a_session_step_by_step_delivers_the_message(
    panel: Panel, sandbox: Sandbox
) -> None:
    _press(panel, "Connect")
    assert _possible(panel) >= {"EHLO", "NOOP", "RSET", "QUIT"}
    assert "STARTTLS" not in _possible(panel)
    _press(panel, "EHLO", "STARTTLS", "EHLO", "MAIL")
    assert "DATA" not in _possible(panel)
    _press(panel, "RCPT")
    panel.message.value = "Subject: x\n\nfrom the box\n"
    _press(panel, "DATA")
    message = sandbox.wait_for(1)
    assert message.octets == b"Subject: x\r\n\r\nfrom the box\r\n"
    assert (message.mail_from, message.tls) == ("ann@client.example", True)
    assert "accepted" in panel.status.value
    _press(panel, "QUIT")
    assert "CLOSED" in panel.status.value


@pytest.mark.parametrize("verb", [*actions.VERBS, "Send"])
def test_no_button_is_ever_disabled_and_each_says_why_not(
    panel: Panel, verb: str
) -> None:
    button = _button(panel, verb)
    assert not button.disabled
    button.click()
    _settle(panel)
    assert not button.disabled
    assert "not connected; press Connect first" in panel.status.value
    assert "nothing was sent" in panel.status.value


@pytest.mark.parametrize("verb", ["NOOP", "VRFY", "EXPN", "HELP", "RSET", "HELO"])
def test_every_verb_is_sent(panel: Panel, verb: str) -> None:
    panel.argument.value = "bob"
    _press(panel, "Connect", "EHLO", verb)
    assert f"<b> -&gt; </b>{verb}" in panel.transcript.value


def test_a_message_may_go_as_a_chunk(panel: Panel, sandbox: Sandbox) -> None:
    panel.message.value = "Subject: x\n\n.dot\n"
    _press(panel, "Connect", "EHLO", "MAIL", "RCPT", "BDAT")
    assert sandbox.wait_for(1).octets == b"Subject: x\r\n\r\n.dot\r\n"


def test_the_end_of_data_has_a_button(panel: Panel) -> None:
    _press(panel, "Connect", "EHLO", "MAIL", "RCPT")
    assert panel.client.data().code == 354
    panel.client.send_lines("Subject: x\r\n\r\n")
    panel.flush()
    assert _possible(panel) == {"."}
    _press(panel, ".")
    assert "accepted" in panel.status.value


def test_send_does_it_all_at_once_and_names_each_recipient(
    panel: Panel, sandbox: Sandbox
) -> None:
    sandbox.fault("rcpt", "nobody@*", reply="550 5.1.1 No such user")
    panel.recipient.value = "bob@x.example, <nobody@x.example>"
    _press(panel, "Connect", "Send")
    assert "Send accepted: bob@x.example" in re.sub("<[^>]*>", "", panel.status.value)
    assert sandbox.wait_for(1).mail_from == "ann@client.example"
    assert "bob@x.example: accepted" in panel.status.value
    assert "nobody@x.example: refused (550 5.1.1 No such user)" in panel.status.value


def test_several_recipients_and_parameters(panel: Panel, sandbox: Sandbox) -> None:
    sandbox.fault("rcpt", "nobody@*", reply="550 5.1.1 No such user")
    panel.sender_parameters.value = "SIZE=99 BODY=8BITMIME"
    panel.recipient.value = "bob@x.example, nobody@x.example"
    panel.recipient_parameters.value = "NOTIFY=NEVER"
    _press(panel, "Connect", "EHLO", "MAIL", "RCPT")
    assert "1 of 2" in panel.status.value
    assert "MAIL FROM:&lt;ann@client.example&gt; SIZE=99 BODY=8BITMIME" in (
        panel.transcript.value
    )
    panel.sender_parameters.value = "RET=HDRS"
    _press(panel, "RSET", "Send")
    said = panel.transcript.value
    assert re.search("MAIL FROM:&lt;ann@client.example&gt; .*RET=HDRS", said)
    assert said.count("RCPT TO:&lt;bob@x.example&gt; NOTIFY=NEVER") == 2
    panel.recipient.value = ""
    _press(panel, "MAIL", "RCPT")
    assert "a recipient is needed" in panel.status.value


def test_a_raw_line_is_sent_as_it_is(panel: Panel) -> None:
    _press(panel, "Connect", "EHLO")
    panel.raw.value = "noop  a  b"
    _enter(panel.raw)
    _until(lambda: "noop  a  b" in panel.transcript.value)
    _settle(panel)
    assert "accepted" in panel.status.value


@pytest.mark.parametrize("line", ["AUTH PLAIN AGEAYg==", "auth login YQ=="])
def test_a_raw_line_takes_no_credentials(panel: Panel, line: str) -> None:
    _press(panel, "Connect", "EHLO")
    panel.raw.value = line
    _enter(panel.raw)
    _until(lambda: "AUTH has fields" in panel.status.value)
    assert line not in panel.client.transcript.text()


def test_enter_does_what_the_field_suggests(panel: Panel) -> None:
    for field, said in (
        (panel.address, "220"),
        (panel.identity, "250 sandbox.localhost"),
        (panel.sender, "250 2.1.0"),
        (panel.recipient, "250 2.1.5"),
    ):
        _enter(field)
        _until(lambda said=said: said in panel.status.value)  # type: ignore[misc]
        _settle(panel)
    assert panel.client.state is State.RCPT


def test_the_password_leaves_its_box_before_the_verb_and_after_it() -> None:
    with Sandbox(auth={"ann": "sesame-open"}) as sandbox:
        panel = Panel(target=sandbox)
        _press(panel, "Connect", "EHLO", "STARTTLS", "EHLO")
        seen: list[str] = []
        real = panel.client.auth

        def auth(*arguments: Any, **options: Any) -> Any:
            seen.append(panel.password.value)
            panel.password.value = "sesame-open"  # what a front end held back
            return real(*arguments, **options)

        panel.client.auth = auth  # type: ignore[method-assign]
        panel.user.value, panel.password.value = "ann", "sesame-open"
        _press(panel, "AUTH")
        assert "accepted" in panel.status.value
        assert seen == [""]
        assert panel.password.value == ""
        assert "sesame" not in panel.transcript.value + panel.status.value
        _press(panel, "QUIT")
        panel.close()


@pytest.mark.parametrize("name", ["auto", "LOGIN", "SCRAM-SHA-256-PLUS", "XOAUTH2"])
def test_the_mechanism_is_chosen_in_its_field(name: str) -> None:
    with Sandbox(auth={"ann": "sesame-open"}) as sandbox:
        panel = Panel(target=sandbox)
        _press(panel, "Connect", "EHLO", "STARTTLS", "EHLO")
        panel.user.value, panel.password.value = "ann", "sesame-open"
        panel.mechanism.value = name
        _press(panel, "AUTH")
        assert "accepted" in panel.status.value
        taken = "SCRAM-SHA-512-PLUS" if name == "auto" else name
        assert f"AUTH {taken}" in panel.client.transcript.text()
        assert "sesame" not in panel.transcript.value + panel.status.value
        _press(panel, "QUIT")
        panel.close()


def test_auth_with_an_empty_box_is_told_in_the_words_of_the_panel() -> None:
    with Sandbox(auth={"ann": "sesame-open"}) as sandbox:
        panel = Panel(target=sandbox)
        _press(panel, "Connect", "EHLO", "STARTTLS", "EHLO")
        panel.mechanism.value, panel.user.value = "PLAIN", "ann"
        _press(panel, "AUTH")
        assert "needs a password" in panel.status.value
        _press(panel, "QUIT")
        panel.close()


def test_a_refusal_is_an_answer(panel: Panel, sandbox: Sandbox) -> None:
    sandbox.fault("mail", reply="451 4.3.0 <b>Not now</b>")
    _press(panel, "Connect", "EHLO", "MAIL")
    assert "refused" in panel.status.value
    assert "451 4.3.0 &lt;b&gt;Not now&lt;/b&gt;" in panel.status.value
    assert "MAIL" in _possible(panel)


def test_cancel_ends_a_stalled_command(panel: Panel, sandbox: Sandbox) -> None:
    sandbox.fault("noop", stall=True)
    _press(panel, "Connect", "EHLO")
    panel.verbs["NOOP"].click()
    began = time.monotonic()
    panel.cancel_button.click()
    _settle(panel)
    assert time.monotonic() - began < AT_ONCE
    assert "cancelled" in panel.status.value
    assert panel.client.state is State.CLOSED
    _press(panel, "Connect")


def test_cancel_says_what_became_of_the_message(panel: Panel, sandbox: Sandbox) -> None:
    sandbox.fault("body", stall=True)
    _press(panel, "Connect", "EHLO", "MAIL", "RCPT")
    panel.content = b"x\r\n" * 10_000_000
    panel.verbs["DATA"].click()
    _until(lambda: "MB sent" in panel.status.value)
    assert "% of 30.0 MB" in panel.status.value
    assert "MB/s" in panel.status.value
    panel.cancel_button.click()
    _settle(panel)
    assert "the message was not sent" in panel.status.value
    assert sandbox.inbox().empty


def test_cancel_ends_an_idle_connection(panel: Panel) -> None:
    _press(panel, "Connect", "EHLO")
    panel.cancel_button.click()
    _settle(panel)
    assert panel.client.state is State.CLOSED
    assert _possible(panel) == set()
    panel.cancel_button.click()
    _settle(panel)
    assert "nothing runs" in panel.status.value


def test_a_button_pressed_twice_acts_once(panel: Panel, sandbox: Sandbox) -> None:
    sandbox.fault("noop", delay=0.2)
    _press(panel, "Connect", "EHLO")
    for _ in range(5):
        panel.verbs["NOOP"].click()
    _settle(panel)
    assert panel.transcript.value.count("NOOP") == 1


def test_callbacks_may_come_from_any_thread(panel: Panel) -> None:
    _press(panel, "Connect", "EHLO")
    threads = [
        threading.Thread(target=button.click)
        for button in (panel.verbs["NOOP"], panel.cancel_button) * 8
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _settle(panel)
    assert panel.client.state is State.CLOSED


def test_a_wrong_address_is_told_and_nothing_hangs(panel: Panel) -> None:
    panel.address.value = "host:pop3"
    _press(panel, "Connect")
    assert "failed" in panel.status.value
    assert "is not a port" in panel.status.value


def test_a_sandbox_at_a_unix_socket_stands_in_the_address_bar(tmp_path: Path) -> None:
    with Sandbox(unix=tmp_path / "s", without=["8BITMIME"]) as sandbox:
        panel = Panel(target=sandbox)
        assert panel.address.value == f"unix:{tmp_path}/s"
        panel.message.value = "Subject: x\n\nü\n"
        _press(panel, "Connect", "Send")
        assert "re-encode it (Python's send(convert=True))" in unescape(
            panel.status.value
        )
        panel.close()


def test_a_lost_connection_is_told(panel: Panel, sandbox: Sandbox) -> None:
    sandbox.fault("noop", drop=True)
    _press(panel, "Connect", "EHLO", "NOOP")
    assert "failed" in panel.status.value
    assert _possible(panel) == set()


@pytest.mark.parametrize("view", ["dialogue", "waterfall", "replies", "TLS"])
@pytest.mark.parametrize(
    "evil", ['<img src=x onerror="alert(1)">', "\x1b]52;c;x\x07", "\u202egnp.exe"]
)
def test_text_of_a_server_enters_as_text(
    panel: Panel, sandbox: Sandbox, evil: str, view: str
) -> None:
    sandbox.fault("noop", reply=f"250 {evil}")
    _press(panel, "Connect", "EHLO", "NOOP")
    panel.view.value = view
    panel.decoded.value = panel.line_ends.value = True
    _settle(panel)
    shown = panel.status.value + panel.transcript.value + panel._drawn()
    assert evil not in shown
    assert "could not be shown" not in shown


def test_two_panels_of_one_client_and_python_stay_in_step(sandbox: Sandbox) -> None:
    client = SmtpClient()
    one, two = Panel(client, sandbox), Panel(client, sandbox)
    for each in (one, two):
        _display(each)  # what a notebook asks for when it displays one
    try:
        _button(one, "Connect").click()
        _until(lambda: "CONNECTED" in two.status.value)
        client.ehlo()
        _until(lambda: all("READY" in each.status.value for each in (one, two)))
        client.quit()
        _until(lambda: all("CLOSED" in each.status.value for each in (one, two)))
        assert _possible(two) == set()
    finally:
        for each in (one, two):
            each.close()
            each.close()  # twice is as good as once
            _settle(each)


def test_a_panel_closed_while_something_runs_leaves_nothing(sandbox: Sandbox) -> None:
    sandbox.fault("noop", stall=True)
    with no_leaks():
        panel = Panel(target=sandbox)
        _display(panel)
        for name in ("Connect", "EHLO"):
            _button(panel, name).click()
            assert panel.worker.join(10)
        panel.verbs["NOOP"].click()
        panel.close()
        panel.close()
        panel.client.cancel()
        _settle(panel)
    assert panel.client.state is State.CLOSED


def test_a_panel_shown_twice_is_one_panel(sandbox: Sandbox) -> None:
    with no_leaks():
        panel = Panel(target=sandbox)
        first, second = (_display(panel) for _ in range(2))
        assert first == second
        assert sum(t.name == "smtpnb-painter" for t in threading.enumerate()) == 1
        panel.close()
        _settle(panel)


@pytest.mark.parametrize("first", [0, 64, 128, 192])
def test_text_of_a_server_may_be_any_octets(first: int) -> None:
    octets = bytes(range(first, first + 64)).translate(None, b"\r\n")
    script = (Say(b"220 " + octets + b"\r\n"), Listen())
    with ScriptedServer(script) as server:
        panel = Panel(target=f"{server.host}:{server.port}")
        panel.connect_button.click()
        _settle(panel)
        for view in ("dialogue", "waterfall", "replies", "TLS"):
            panel.view.value = view
            panel.line_ends.value = panel.decoded.value = True
            _settle(panel)
            assert "could not be shown" not in panel.status.value
        panel.client.cancel()
        panel.close()
        _settle(panel)


def test_a_panel_of_a_name_follows_its_client(sandbox: Sandbox) -> None:
    clients = [SmtpClient(), SmtpClient()]
    named = {"main": clients[0]}
    panel = Panel(clients[0], sandbox, follow=lambda: named["main"])
    _display(panel)
    try:
        clients[1].connect(sandbox)
        assert "CLOSED" in panel.status.value
        named["main"] = clients[1]
        _until(lambda: "CONNECTED" in panel.status.value)
        assert panel.client is clients[1]
    finally:
        clients[1].quit()
        panel.close()
        _settle(panel)


def test_nothing_is_written_while_nothing_happens(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[None] = []
    monkeypatch.setattr(panel, "_paint_buttons", lambda _: painted.append(None))
    _display(panel)
    _until(lambda: bool(painted))
    threading.Event().wait(5 * PAUSE_S)
    assert len(painted) == 1
    panel.painter.stop()


def test_the_magic_and_the_panel_share_one_client(
    run: Callable[[str], Any], sandbox: Sandbox, shell: Any
) -> None:
    shell.user_ns["box"] = sandbox
    run("%smtp connect {box}")
    panel = run("%smtp panel")
    assert isinstance(panel, Panel)
    assert panel.client is run("%smtp session")
    assert "EHLO" in _possible(panel)
    panel.painter.stop()
    _press(panel, "EHLO")
    assert run("%smtp noop").code == 250
    panel.close()


def test_the_magic_makes_a_panel_for_an_address(run: Callable[[str], Any]) -> None:
    panel = run("%smtp panel mx.example:2525")
    assert panel.address.value == "mx.example:2525"
    panel.close()


def test_the_fields_say_how_the_session_was_connected(
    run: Callable[[str], Any], shell: Any
) -> None:
    with Sandbox(tls="implicit") as box:
        shell.user_ns["box"] = box
        run(
            "%smtp connect localhost {box.port} --tls implicit --ca {box.ca} "
            "--verify report --server-name localhost"
        )
        panel = run("%smtp panel")
        panel.painter.stop()
        fields = (panel.tls_mode, panel.verify, panel.server_name)
        assert [one.value for one in fields] == [IMPLICIT, "report", "localhost"]
        assert panel.ca.value == box.ca
        assert panel.more.value  # what is set is in sight
        _press(panel, "QUIT")
        _press(panel, "Connect", "EHLO")
        assert panel.client.tls is not None
        panel.close()
        by_itself = Panel(target=box)
        assert by_itself.tls_mode.value == IMPLICIT
        by_itself.close()


def test_what_is_not_offered_is_no_way_on(panel: Panel) -> None:
    _press(panel, "Connect", "EHLO")
    table, now = TABLE, panel.client.state
    drawn = diagram.svg(table, now, actions.may(panel.client))
    assert "smtpnb-from-here" in panel.diagram.value
    assert panel.diagram.value == drawn
    ways = drawn.count('<path class="smtpnb-from-here')
    assert ways < diagram.svg(table, now).count('<path class="smtpnb-from-here')
    assert ways > 1


@pytest.mark.parametrize(
    ("seconds", "octets", "total", "told"),
    [
        (9.9, 0, 0, ""),
        (10.0, 0, 0, "DATA: 10 seconds"),
        (39.0, 0, 0, "DATA: 30 seconds"),
        (1.0, 24, 100, ""),
        (1.0, 49, 100, "DATA: 25 percent of 0.0 MB sent"),
        (21.0, 30_000_000, 30_000_000, "DATA: 20 seconds, 100 percent of 30.0 MB sent"),
        (21.0, 5_000_000, 0, "DATA: 20 seconds"),
    ],
)
def test_what_is_read_out_while_something_runs(
    seconds: float, octets: int, total: int, told: str
) -> None:
    look = Look("DATA", 100.0, 100.0 + seconds, octets, total)
    assert milestone(look) == told
    assert milestone(look._replace(running="")) == ""
    assert aloud(look) == (f'<div role="alert">{told}</div>' if told else "")


def test_the_same_answer_twice_is_told_twice(panel: Panel) -> None:
    _press(panel, "Connect", "EHLO", "NOOP")
    before = panel.status.value
    _press(panel, "NOOP")
    assert before != panel.status.value
    assert 'role="alert"' in panel.status.value


def test_nothing_is_left_behind(sandbox: Sandbox) -> None:
    with no_leaks():
        panel = Panel(target=sandbox)
        _display(panel)
        _until(lambda: "CLOSED" in panel.status.value)
        for name in ("Connect", "EHLO", "QUIT"):
            _button(panel, name).click()
            assert panel.worker.join(10)
        panel.close()
        _settle(panel)


def test_a_worker_refuses_a_second_operation() -> None:
    go = threading.Event()

    def wait() -> Answer:
        assert go.wait(5)
        return Answer(ok=True, text="done")

    worker, client = Worker(lambda: None), SmtpClient()
    assert worker.start("first", client, wait)
    assert not worker.start("second", client, wait)
    assert worker.look().running == "first"
    go.set()
    assert worker.join(5)
    assert worker.start("third", client, wait)
    assert worker.join(5)


def test_no_thread_to_be_had_is_told_and_the_panel_is_free_again(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as none_left:
        none_left.setattr(threading.Thread, "start", start)
        panel.connect_button.click()
        assert NO_THREAD in panel.status.value
        assert not panel.worker.look().running
        panel.cancel_button.click()
    _press(panel, "Connect")
    assert panel.client.state is State.CONNECTED


def test_the_progress_of_somebody_else_is_given_back(panel: Panel) -> None:
    heard: list[int] = []
    panel.client.on_progress = heard.append
    _press(panel, "Connect", "EHLO")
    assert panel.client.on_progress == heard.append


def test_a_feed_reads_what_is_new_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    client, record = SmtpClient(), Record("mx.example", 25)
    client._records.append(record)
    feed = Feed(client)
    for number in range(5 * KEPT):
        record.note("note", str(number))
    asked: list[int] = []
    since = Transcript.since

    def counted(self: Transcript, n: int) -> Any:
        asked.append(self.cursor - n)
        return since(self, n)

    monkeypatch.setattr(Transcript, "since", counted)
    feed.read()
    record.note("note", "the last")
    feed.read()
    assert asked == [KEPT, 1]
    assert len(feed.events) == KEPT
    assert feed.left_out == len(client.transcript) - KEPT
    assert feed.events[-1].text == "the last"
    assert [event.text for event in feed.events] == [
        event.text for event in list(events(record))[-KEPT:]
    ]


def test_line_ends_and_base64_are_shown_on_demand(
    panel: Panel, sandbox: Sandbox
) -> None:
    sandbox.fault("noop", reply="334 VXNlcm5hbWU6")
    _press(panel, "Connect", "EHLO", "NOOP")
    plain = panel.transcript.value
    assert "\u240d\u240a" not in plain
    assert "base64" not in plain
    shown = dialogue.html(list(panel.client.transcript), line_ends=True, decoded=True)
    said = sum(
        line[:2] in {" -", "<-"} for line in str(panel.client.transcript).split("\n")
    )
    assert shown.count("\u240d\u240a") == said
    assert "(base64: Username:)" in shown


@pytest.mark.parametrize(
    ("table", "hello", "never"), [(TABLE, "EHLO", "LHLO"), (LMTP_TABLE, "LHLO", "EHLO")]
)
def test_the_diagram_is_the_table(table: Any, hello: str, never: str) -> None:
    drawn = [state for row in diagram.rows(table) for state in row]
    assert sorted(drawn, key=str) == sorted(table, key=str)
    for state in table:
        svg = diagram.svg(table, state)
        assert hello in svg
        assert never not in svg
        assert svg.count("<rect") == len(table)
        assert svg.count('class="smtpnb-here"') == 1
        said = diagram.next_moves(table, state, tuple(table[state]))
        assert all(verb in said for verb in table[state] if verb.isupper())
        for target in diagram.moves(table, state):
            assert f"leads to {target.name}" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\nb", "4 octets in 2 lines"),
        (".a\r\n..\r\n", "2 leading dots"),
        ("x" * 999, "a line of 999 octets"),
        ("\u00e9\n", "8-bit octets"),
        ("\0", "NUL"),
        ("", "0 octets in 0 lines"),
    ],
)
def test_what_will_be_sent_is_said(text: str, said: str) -> None:
    assert said in samples.in_words(text)


def test_a_program_can_press_and_look_as_a_person_does(
    panel: Panel, sandbox: Sandbox
) -> None:
    panel.press("Connect", "EHLO", "MAIL", "RCPT", "DATA")
    panel.wait_for("READY", "MAIL FROM:<ann@client.example>")
    sandbox.fault("noop", stall=True)
    panel.press("NOOP", wait=False)
    panel.wait_for("NOOP \u2026")
    panel.press("Cancel")
    panel.wait_for("cancelled", "CLOSED")
    with pytest.raises(TimeoutError, match="does not show never"):
        panel.wait_for("never", timeout=0.01)
    with pytest.raises(LookupError, match="no button 'HALO'"):
        panel.press("HALO")


def test_a_sample_brings_the_envelope_it_wants(panel: Panel) -> None:
    panel.sample.value = "UTF-8 addresses"
    assert "SMTPUTF8" in panel.sender_parameters.value
    assert not panel.sender.value.isascii()
    panel.recipient.value = "carol@x.example"  # the reader's own
    panel.sample.value = "plain"
    assert panel.sender_parameters.value == ""
    assert panel.sender.value == "ann@client.example"
    assert panel.recipient.value == "carol@x.example"


def test_the_word_sandbox_is_understood_and_it_ends_with_the_panel() -> None:
    with no_leaks():
        panel = Panel(target="localhost:25")
        panel.address.value = "sandbox"
        _press(panel, "Connect")
        assert "220 sandbox.localhost" in panel.status.value
        _press(panel, "EHLO", "STARTTLS", "QUIT")
        panel.close()
        _settle(panel)


def test_the_sandbox_of_a_magics_panel_is_that_of_the_magics(
    run: Callable[[str], Any],
) -> None:
    panel = run("%smtp panel")
    panel.painter.stop()  # it was shown, and would look for changes
    panel.address.value = "sandbox"
    _press(panel, "Connect", "Send", "QUIT")
    assert list(run("%smtp sandbox inbox")["subject"]) == ["hello"]
    panel.close()
    run("%smtp sandbox stop")


def test_lmtp_has_a_greeting_of_its_own() -> None:
    script = (
        Say(b"220 store LMTP\r\n"),
        Hear(b"\r\n"),
        Say(b"250 store\r\n"),
        Listen(),
    )
    with ScriptedServer(script) as server:
        client = SmtpClient()
        client.connect(server.host, server.port, protocol="lmtp")
        panel = Panel(client)
        assert "smtpnb-next" in panel.verbs["LHLO"]._dom_classes
        _press(panel, "LHLO")
        assert "250 store" in panel.status.value
        assert "LHLO" in panel.diagram.value
        assert "EHLO" not in panel.diagram.value
        client.cancel()
        panel.close()
        _settle(panel)


def test_etrn_is_said_where_it_is_offered(panel: Panel, sandbox: Sandbox) -> None:
    sandbox.fault("ehlo", reply="250 sandbox\nETRN")
    _press(panel, "Connect")
    panel.verbs["ETRN"].click()
    _settle(panel)
    assert "EHLO first" in panel.status.value
    panel.argument.value = "client.example"
    _press(panel, "EHLO", "ETRN")
    assert "ETRN client.example" in panel.transcript.value


@pytest.mark.parametrize("name", [*samples.SAMPLES, samples.LARGE])
def test_each_sample_is_what_is_sent(panel: Panel, sandbox: Sandbox, name: str) -> None:
    panel.sample.value = name
    _settle(panel)
    octets = panel.content if panel.content is not None else panel.message.value
    assert isinstance(octets, (str, bytes))
    assert ("panel.content" in panel.words.value) == (name == samples.LARGE)
    _press(panel, "Connect", "EHLO", "MAIL", "RCPT", "DATA")
    assert sandbox.wait_for(1).octets == samples.with_crlf(octets)


@pytest.mark.parametrize("version", [7, 8])
def test_a_file_is_sent_in_place_of_the_box(panel: Panel, version: int) -> None:
    file = {"name": "a.eml", "content": memoryview(b"Subject: file\r\n\r\n")}
    panel._uploaded({"new": {"a.eml": file} if version == 7 else (file,)})
    _settle(panel)
    assert panel.content == b"Subject: file\r\n\r\n"
    panel.message.value = "typed"
    assert panel.content is None
