"""The panel: what its buttons start, and when what of it is painted.

Callbacks return at once and may be called twice or from any thread, since some kernels
run them on another one. The worker never touches a widget, the painter writes all of
the state. Text of a server enters through `for_html`, never as markup.

The password leaves its box before AUTH begins: the state of a widget is saved with a
notebook. (Who saves in the middle of typing one saves what was typed; it says so.)

This module knows nothing of sockets, nor of SMTP beyond the names of fields.
"""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w

from smtpnb.client import SmtpClient
from smtpnb.edges.text import for_html
from smtpnb.notebook.live import size_of
from smtpnb.notebook.panel import actions, aspects, diagram, dialogue, samples
from smtpnb.notebook.panel.aloud import aloud
from smtpnb.notebook.panel.controls import IMPLICIT, Controls
from smtpnb.notebook.panel.feed import Feed
from smtpnb.notebook.panel.last_picture import LastPicture
from smtpnb.notebook.panel.painter import Painter
from smtpnb.notebook.panel.worker import CANCELLED, FAILED, REFUSED, Worker
from smtpnb.protocol.secret import Secret
from smtpnb.protocol.session import LMTP_TABLE, TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb._connection import Target
    from smtpnb.message.content import Content
    from smtpnb.notebook.panel.worker import Look
    from smtpnb.sandbox import Sandbox

_KINDS: Final = {"accepted": "good", REFUSED: "bad", FAILED: "bad", CANCELLED: "warn"}
_TAG: Final = re.compile("<[^>]*>")
# What one usually presses next, in this order.
_USUAL: Final = (".", "DATA", "RCPT", "MAIL", "EHLO", "LHLO")


class Panel(Controls, w.VBox):
    """A panel for one client.

    Args:
        client: The client; None for a new one.
        target: What Connect connects to when its address stands in the address bar: a
            `Sandbox`, or "host:port".
        follow: Returns the client to show from now on, for a panel of a name (`%smtp
            panel`) whose client may become another one. It is asked ten times a second.
        sandbox: Returns the sandbox that is meant by the word in the address bar; None
            for one of the panel's own, which ends with it.
        timeout: Seconds for each command; None for the client's own limits.

    Attributes:
        worker: What runs the operations.
        content: A message (octets, file, iterator) that is sent in place of the
            message box, or None.

    Example:
        >>> from smtpnb import Panel
        >>> panel = Panel(target="mx.example:25")
        >>> panel.close()
    """

    def __init__(
        self,
        client: SmtpClient | None = None,
        target: Target | str = "localhost:25",
        *,
        follow: Callable[[], SmtpClient] | None = None,
        sandbox: Callable[[], Target] | None = None,
        timeout: float | None = None,
    ) -> None:
        self._timeout = timeout
        self._sandbox = sandbox or self._own_sandbox
        self._own: Sandbox | None = None
        self._follow = follow
        self._feed = Feed(client if client is not None else SmtpClient())
        self.content: Content | None = None
        self._target = target
        self._painted: object = None
        self._authenticating = False
        self.worker = Worker(self._wake)
        self._repainted = threading.Condition()
        self.painter = Painter(self._paint, self._changed, self._busy)
        self._picture = LastPicture(self._drawn)
        address = target if isinstance(target, str) else _address(target)
        Controls.__init__(self, address, self._press, self._cancel)
        w.VBox.__init__(self, self.rows())
        if not isinstance(target, str):
            self.preset({"implicit_tls": target.implicit_tls})
        self._watch_choices()
        self.add_class("smtpnb-panel")
        self.flush()

    def _watch_choices(self) -> None:
        self.sample.observe(self._sampled, "value")
        self.upload.observe(self._uploaded, "value")
        self.message.observe(lambda _: self._typed(), "value")
        for each in (self.line_ends, self.decoded, self.view):
            each.observe(lambda _: self._repaint(), "value")

    @property
    def client(self) -> SmtpClient:
        """The client: everything that works on it works beside the panel."""
        return self._feed.client

    # What stands in the message box

    def _sampled(self, change: Any) -> None:
        if change["new"] == samples.LARGE:
            self.content = samples.large()
            self._repaint()
            return
        self.content = None
        sample = samples.SAMPLES[change["new"]]
        self.message.value = sample.text
        self.sender_parameters.value = sample.parameters
        if self.sender.value in samples.SENDERS:  # or it is the reader's own
            self.sender.value = sample.sender
        if self.recipient.value in samples.RECIPIENTS:
            self.recipient.value = sample.recipient
        self._repaint()

    def _uploaded(self, change: Any) -> None:
        files = change["new"]
        # ipywidgets 8 holds dicts, 7 one dict by name
        found = list(files.values() if isinstance(files, dict) else files)
        if found:
            self.content = bytes(found[0]["content"])
            self._repaint()

    def _typed(self) -> None:
        self.content = None  # who types means the box
        self._repaint()

    def _what_is_sent(self) -> str:
        content = self.content
        if content is None:
            return (
                f"will be sent: the text below, {samples.in_words(self.message.value)}"
            )
        if not isinstance(content, bytes):
            return "will be sent: panel.content, a stream; not the text below"
        known = len(content) <= samples.LARGE_OCTETS // 10
        said = samples.in_words(content) if known else ""
        size = said or samples.octets_counted(len(content))
        return f"will be sent: panel.content, {size}; not the text below"

    # What its buttons do

    def _press(self, what: str) -> Callable[[], None]:
        def press() -> None:
            # The fields are read here, before the thread begins.
            self._start(what, self._form())

        return press

    def _form(self) -> actions.Form:
        address = self.address.value.strip()
        named = not isinstance(self._target, str) and address == _address(self._target)
        box = self.message.value
        target = self._target if named else address
        return actions.Form(
            target=self._sandbox if target == "sandbox" else target,
            timeout=self._timeout,
            implicit_tls=self.tls_mode.value == IMPLICIT,
            verify=self.verify.value or None,
            ca=self.ca.value.strip() or None,
            server_name=self.server_name.value.strip() or None,
            identity=self.identity.value.strip() or None,
            user=self.user.value,
            mechanism=self.mechanism.value,
            sender=self.sender.value.strip().removeprefix("<").removesuffix(">"),
            sender_parameters=tuple(self.sender_parameters.value.split()),
            recipients=_paths(self.recipient.value),
            recipient_parameters=tuple(self.recipient_parameters.value.split()),
            argument=self.argument.value.strip(),
            raw=self.raw.value,
            content=box if self.content is None else self.content,
        )

    def _own_sandbox(self) -> Sandbox:
        from smtpnb.sandbox import Sandbox  # loads asyncio and cryptography

        if self._own is None:
            self._own = Sandbox()
        return self._own

    def _start(self, what: str, form: actions.Form) -> None:
        client = self._current()
        if self.worker.look().running:
            return  # it is shown; a second press asks for nothing new
        if what == "AUTH":
            form = self._with_secret(form)
        reason = actions.why_not(client, what)
        if reason:
            self.worker.say(REFUSED, f"{reason}; nothing was sent")
            self._wake()
            return
        content = form.content if what in {"DATA", "BDAT", "Send"} else b""
        total = size_of(content) if isinstance(content, (str, bytes)) else 0
        self.worker.start(what, client, actions.operation(client, what, form), total)
        self._wake()

    def _with_secret(self, form: actions.Form) -> actions.Form:
        """Take the password out of its box; the box is empty when the verb begins."""
        secret = Secret(self.password.value)
        self.password.value = ""
        self._authenticating = True
        return replace(form, secret=secret)

    def _cancel(self) -> None:
        client = self._current()
        if not self.worker.look().running and client.state.name == "CLOSED":
            self.worker.say(REFUSED, "Cancel: nothing runs, and nothing is connected")
        client.cancel()
        self._wake()

    def press(self, *names: str, wait: bool = True) -> None:
        """Press buttons one after another, as a person would.

        Args:
            names: As they stand on the buttons: "Connect", "MAIL", "Send", "Cancel".
            wait: Until each has done what it does, and that is painted.

        Raises:
            LookupError: There is no such button.
        """
        special = {
            "Connect": self.connect_button,
            "Cancel": self.cancel_button,
            "Send": self.send_button,
            "end of data": self.verbs["."],
        }
        for name in names:
            button = special.get(name) or self.verbs.get(name)
            if button is None:
                raise LookupError(f"there is no button {name!r}")
            button.click()
            if wait:
                self.worker.join()
                self.flush()

    def wait_for(self, *words: str, timeout: float = 10.0) -> None:
        """Wait until the panel shows the words, as a person would.

        Args:
            words: What must stand in it, all at once: in what happened, or in the view.
            timeout: Seconds.

        Raises:
            TimeoutError: It does not show them.
        """

        def shown() -> bool:
            text = unescape(_TAG.sub("", self.status.value + self.transcript.value))
            return all(word in text for word in words)

        with self._repainted:
            if not self._repainted.wait_for(shown, timeout):
                raise TimeoutError(f"the panel does not show {', '.join(words)}")

    # How it is painted

    def _current(self) -> SmtpClient:
        """Return the client that is meant now, and show that one from now on."""
        if self._follow is not None:
            client = self._follow()
            if client is not self._feed.client:
                self._feed = Feed(client)
        return self._feed.client

    def _busy(self) -> bool:
        return bool(self.worker.look().running)

    def _wake(self) -> None:
        self.painter.wake()

    def _repaint(self) -> None:
        self._painted = None
        self._wake()

    def _seen(self) -> object:
        """Return what changes whenever there is something to paint."""
        client, look = self._current(), self.worker.look()
        return id(client), self._feed.cursor, client.state, look, self.content is None

    def _changed(self) -> bool:
        return self._seen() != self._painted

    def flush(self) -> None:
        """Write the whole state into the widgets, as it is now."""
        self.painter.paint()

    def _paint(self) -> None:
        try:
            self._painted = self._seen()  # before the state is read: never too late
            look, feed = self.worker.look(), self._feed
            feed.read()
            self._paint_buttons(feed.client)
            self.status.value = self._status(look)
            self.aloud.value = aloud(look)
            self.words.value = for_html(self._what_is_sent())
            self.transcript.value = self._viewed(feed)
            state, may = feed.client.state, actions.may(feed.client)
            table = LMTP_TABLE if feed.client.protocol == "lmtp" else TABLE
            self.diagram.value = diagram.svg(table, state, may)
            self.may_be_sent.value = diagram.next_moves(table, state, may)
            if not look.running:
                self._empty_the_box()
                for widget in (self.status, self.transcript):
                    widget.send_state("value")  # a front end that lost one is right
                self._picture.update()
        except Exception as error:  # noqa: BLE001  # a painter that dies paints no more
            said = for_html(f"{type(error).__name__}: {error}")
            self.status.value = f'<b class="smtpnb-bad">could not be shown</b>: {said}'
        finally:
            with self._repainted:
                self._repainted.notify_all()

    def _empty_the_box(self) -> None:
        """After AUTH: what a front end held back may have come in meanwhile."""
        if self._authenticating:
            self._authenticating = False
            self.password.value = ""

    def _paint_buttons(self, client: SmtpClient) -> None:
        buttons = {
            "Connect": self.connect_button,
            "Send": self.send_button,
            **self.verbs,
        }
        possible = {what for what in buttons if not actions.why_not(client, what)}
        usual = next((verb for verb in _USUAL if verb in possible), "Connect")
        for what, button in buttons.items():
            _mark(button, "smtpnb-not-now", on=what not in possible)
            _mark(button, "smtpnb-next", on=what == usual)

    def _status(self, look: Look) -> str:
        state = f"session: <b>{for_html(str(self.client.state))}</b>"
        if look.running:
            return f"<div>{_progress(look)} &middot; {state}</div>"
        if not look.kind:
            return f"<div>{state}</div>"
        name = "end of data" if look.name == "." else look.name
        word = f'{name} <b class="smtpnb-{_KINDS[look.kind]}">{look.kind}</b>'.lstrip()
        said = for_html(actions.in_our_words(look.text))
        took = f" &middot; {look.seconds:.1f} s" if look.seconds >= 0.1 else ""
        # A screen reader reads out an alert when it is put into the page.
        # The number makes the same answer twice two answers.
        alert = f'<div role="alert" data-n="{look.ended:.3f}">{word}: {said}</div>'
        return f"{alert}<div>{state}{took}</div>"

    def _viewed(self, feed: Feed) -> str:
        match self.view.value:
            case "waterfall":
                return aspects.waterfall(list(feed.events))
            case "replies":
                return aspects.replies(list(feed.events))
            case "TLS":
                return aspects.tls(feed.client.tls)
        return dialogue.html(
            feed.events,
            feed.left_out,
            line_ends=self.line_ends.value,
            decoded=self.decoded.value,
        )

    # Where it is shown

    def _drawn(self) -> str:
        said = dialogue.html(self._feed.events, self._feed.left_out)
        client = self._feed.client
        peer = f" with {for_html(client.peer)}" if client.peer else ""
        return f"<p>session{peer}: <b>{client.state}</b></p>{said}"

    if hasattr(w.VBox, "_repr_mimebundle_"):

        def _repr_mimebundle_(self, **asked: Any) -> Any:
            self._begin()
            return super()._repr_mimebundle_(**asked)

    else:  # ipywidgets 7, which Colab has

        def _ipython_display_(self, **asked: Any) -> None:
            self._begin()
            super()._ipython_display_(**asked)

    def _begin(self) -> None:
        self._picture.display()
        self.painter.watch()

    def close(self) -> None:
        """Take it off the page; the client stays as it is."""
        self.painter.stop()
        if self._own is not None:
            self._own.stop()
        super().close()

    def __repr__(self) -> str:
        return "<smtpnb panel>"


def _progress(look: Look) -> str:
    """Say what runs: for how long, and how much of the content has left."""
    name, seconds = for_html(look.running), look.seconds
    said = [f"<b>{name}</b> \u2026 {seconds:.1f} s"]
    if look.octets:
        sent = f"{look.octets / 1e6:.1f} MB sent"
        rate = f"{look.octets / 1e6 / seconds:.1f} MB/s" if seconds > 0 else ""
        share = min(look.octets / look.total, 1.0) if look.total else 0.0
        if look.total:
            bar = f'<progress aria-label="content sent" value="{share:.3f}"></progress>'
            said = [bar, *said, f"{share:.0%} of {look.total / 1e6:.1f} MB"]
        said += [sent, rate]
    return " ".join(filter(None, said))


def _mark(widget: Any, name: str, *, on: bool) -> None:
    if on:
        widget.add_class(name)
    else:
        widget.remove_class(name)


def _paths(text: str) -> tuple[str, ...]:
    found = (each.strip() for each in text.split(","))
    return tuple(each.removeprefix("<").removesuffix(">") for each in found if each)


def _address(target: Target) -> str:
    host = target.host
    return host if host.startswith("unix:") else f"{host}:{target.port}"
