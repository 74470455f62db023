"""The panel: its fields and buttons, and when what of it is painted.

Callbacks return at once and may be called twice or from any thread, since some kernels
run them on another one. The worker never touches a widget, the painter writes all of
the state. Text of a server enters through `for_html`, never as markup.

The password leaves its box before AUTH begins: the state of a widget is saved with a
notebook. (Who saves in the middle of typing one saves what was typed; it says so.)

This module knows nothing of sockets, nor of SMTP beyond the names of fields.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w

from smtpnb.client import SmtpClient
from smtpnb.edges.text import for_html
from smtpnb.notebook.panel import actions, aspects, diagram, dialogue, fields, samples
from smtpnb.notebook.panel.feed import Feed
from smtpnb.notebook.panel.last_picture import LastPicture
from smtpnb.notebook.panel.look import STYLE
from smtpnb.notebook.panel.painter import Painter
from smtpnb.notebook.panel.worker import CANCELLED, FAILED, REFUSED, Worker
from smtpnb.protocol.sasl.choose import NAMES
from smtpnb.protocol.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb._connection import Target
    from smtpnb.message.content import Content
    from smtpnb.notebook.panel.worker import Look

_CLEAR, _IMPLICIT = "in clear, or STARTTLS", "from the first octet"
_VERIFY: Final = {
    "as the client does": "",
    "require": "require",
    "report (only look)": "report",
}
_VIEWS: Final = ("dialogue", "waterfall", "replies", "TLS")
_KINDS: Final = {"accepted": "good", REFUSED: "bad", FAILED: "bad", CANCELLED: "warn"}
# What one usually presses next, in this order.
_USUAL: Final = ("AUTH RESPONSE", ".", "DATA", "RCPT", "MAIL", "EHLO")


class Panel(w.VBox):
    """A panel for one client.

    Args:
        client: The client; None for a new one.
        target: What Connect connects to when its address stands in the address bar: a
            `Sandbox`, or "host:port".
        follow: Returns the client to show from now on, for a panel of a name (`%smtp
            panel`) whose client may become another one. It is asked ten times a second.

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
    ) -> None:
        self._follow = follow
        self._feed = Feed(client if client is not None else SmtpClient())
        self.content: Content | None = None
        self._target = target
        self._painted: object = None
        self._authenticating = False
        self.worker = Worker(self._wake)
        self.painter = Painter(self._paint, self._changed, self._busy)
        self._picture = LastPicture(self._drawn)
        self._make_fields(target if isinstance(target, str) else _address(target))
        self._make_buttons()
        self._make_views()
        super().__init__(self._rows())
        self.add_class("smtpnb-panel")
        self.flush()

    @property
    def client(self) -> SmtpClient:
        """The client: everything that works on it works beside the panel."""
        return self._feed.client

    # What it is made of

    def _make_fields(self, address: str) -> None:
        self.address = fields.text("server", address, "host:port")
        self.tls_mode = fields.choice("TLS", [_CLEAR, _IMPLICIT], _CLEAR)
        self.verify = fields.choice("verify", _VERIFY, "")
        self.ca = fields.text("CA", "", "PEM file; empty: the system's")
        self.server_name = fields.text("server name", "", "if it is not the server")
        self.identity = fields.text("identity", "client.example")
        self.user = fields.text("user")
        self.password = fields.text("password", secret=True)
        self.mechanism = fields.choice("mechanism", ["auto", *NAMES], "auto")
        self.sender = fields.text("from", "ann@client.example")
        self.recipient = fields.text("to", "bob@sandbox.example", "a@b.example, c@d")
        self.sender_parameters = fields.text("of MAIL", "", "SIZE=100 BODY=8BITMIME")
        self.recipient_parameters = fields.text("of RCPT", "", "NOTIFY=NEVER")
        self.argument = fields.text("argument", "", "of VRFY, EXPN, HELP, NOOP")
        self.raw = fields.text("raw line", "", "Enter sends it as it is")
        self.sample = fields.choice(
            "message", [*samples.SAMPLES, samples.LARGE], "plain"
        )
        self.upload = w.FileUpload(
            description="file", multiple=False, layout=w.Layout(width="auto")
        )
        self.message = w.Textarea(
            samples.SAMPLES["plain"],
            rows=5,
            description="text",
            style={"description_width": fields.NAME_WIDTH},
            layout=w.Layout(width="auto"),
        )
        self.sample.observe(self._sampled, "value")
        self.upload.observe(self._uploaded, "value")
        self.message.observe(lambda _: self._typed(), "value")
        for field, what in (
            (self.address, "Connect"),
            (self.ca, "Connect"),
            (self.server_name, "Connect"),
            (self.identity, "EHLO"),
            (self.user, "AUTH"),
            (self.password, "AUTH"),
            (self.sender, "MAIL"),
            (self.sender_parameters, "MAIL"),
            (self.recipient, "RCPT"),
            (self.recipient_parameters, "RCPT"),
            (self.argument, "VRFY"),
            (self.raw, "Raw"),
        ):
            fields.on_enter(field, self._press(what))

    def _make_buttons(self) -> None:
        self.connect_button = fields.button("Connect", self._press("Connect"))
        self.cancel_button = fields.button(
            "Cancel", self._cancel, "stop what runs, and close the connection"
        )
        self.send_button = fields.button(
            "Send", self._press("Send"), "EHLO if it is due, envelope, message: at once"
        )
        self.verbs = {
            verb: fields.button(
                "end of data" if verb == "." else verb, self._press(verb), tip
            )
            for verb, tip in actions.VERBS.items()
        }
        named = {
            "connect": self.connect_button,
            "cancel": self.cancel_button,
            "send": self.send_button,
            "end": self.verbs["."],
            "address": self.address,
            "identity": self.identity,
            "message": self.message,
            "from": self.sender,
            "to": self.recipient,
            "password": self.password,
            "raw": self.raw,
            **{verb.lower(): each for verb, each in self.verbs.items() if verb != "."},
        }
        for name, widget in named.items():
            widget.add_class(f"smtpnb-{name}")

    def _make_views(self) -> None:
        self.status, self.words = fields.html(), fields.html()
        self.transcript, self.diagram = fields.html(), fields.html()
        self.more = fields.check("all fields: trust, AUTH, raw line ...")
        self.line_ends = fields.check("line ends")
        self.decoded = fields.check("decode base64")
        self.view = w.ToggleButtons(
            options=_VIEWS, value=_VIEWS[0], style={"button_width": "auto"}
        )
        self.more.observe(lambda _: self._fold(), "value")
        for each in (self.line_ends, self.decoded, self.view):
            each.observe(lambda _: self._repaint(), "value")
        named = {
            "status": self.status,
            "words": self.words,
            "said": self.transcript,
            "more": self.more,
        }
        for name, widget in named.items():
            widget.add_class(f"smtpnb-{name}")

    def _rows(self) -> list[Any]:
        style = w.HTML(STYLE)
        style.add_class("smtpnb-style")
        self._folded = [
            fields.row(self.verify, self.ca, self.server_name),
            fields.row(self.user, self.password, self.mechanism, self._beside()),
            fields.row(self.sender_parameters, self.recipient_parameters),
            fields.row(self.argument, self.raw),
        ]
        self._fold()
        trust, credentials, parameters, lines = self._folded
        return [
            style,
            fields.row(
                self.address, self.tls_mode, self.connect_button, self.cancel_button
            ),
            trust,
            credentials,
            fields.row(self.identity, self.sender, self.recipient),
            parameters,
            fields.row(self.sample, self.upload, self.send_button, self.words),
            self.message,
            lines,
            fields.row(*self.verbs.values()),
            self.more,
            self.status,
            fields.row(self.view, self.line_ends, self.decoded),
            self._below(),
        ]

    def _below(self) -> Any:
        # What takes the keyboard's focus so that arrow keys scroll is never rewritten.
        handle = fields.html()
        handle.value = '<div tabindex="0" role="note">what was said</div>'
        handle.add_class("smtpnb-handle")
        frame = w.Box(
            [self.transcript, handle],
            layout=w.Layout(
                max_height="26em",
                min_width="16em",
                flex="2 1 24em",
                overflow="auto",
                padding="0 4px 4px",
                flex_flow="column-reverse",  # keeps the newest line in sight
            ),
        )
        frame.add_class("smtpnb-frame")
        self.transcript.layout.flex = "0 0 auto"
        self.diagram.layout.flex = "1 1 17em"
        below = fields.row(frame, self.diagram)
        below.layout.align_items = "flex-start"
        return below

    @staticmethod
    def _beside() -> Any:
        said = fields.html()
        said.value = "the box is empty before AUTH begins; do not save while typing"
        said.add_class("smtpnb-words")
        return said

    def _fold(self) -> None:
        for each in self._folded:
            each.layout.display = "flex" if self.more.value else "none"

    # What stands in the message box

    def _sampled(self, change: Any) -> None:
        if change["new"] == samples.LARGE:
            self.content = samples.large()
            self._repaint()
            return
        self.content = None
        self.message.value = samples.SAMPLES[change["new"]]
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
        return actions.Form(
            target=self._target if named else address,
            implicit_tls=self.tls_mode.value == _IMPLICIT,
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
        total = len(content) if isinstance(content, (str, bytes)) else 0
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
            self.words.value = for_html(self._what_is_sent())
            self.transcript.value = self._viewed(feed)
            state, may = feed.client.state, actions.may(feed.client)
            self.diagram.value = diagram.svg(state) + diagram.next_moves(state, may)
            if not look.running:
                self._empty_the_box()
                for widget in (self.status, self.transcript):
                    widget.send_state("value")  # a front end that lost one is right
                self._picture.update()
        except Exception as error:  # noqa: BLE001  # a painter that dies paints no more
            said = for_html(f"{type(error).__name__}: {error}")
            self.status.value = f'<b class="smtpnb-bad">could not be shown</b>: {said}'

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
        word = f'<b class="smtpnb-{_KINDS[look.kind]}">{look.kind}</b>'
        said = for_html(actions.in_our_words(look.text))
        took = f" &middot; {look.seconds:.1f} s" if look.seconds >= 0.1 else ""
        # A screen reader reads out an alert when it is put into the page.
        return f'<div role="alert">{word}: {said}</div><div>{state}{took}</div>'

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

    def _repr_mimebundle_(self, **asked: Any) -> Any:
        self._picture.display()
        self.painter.watch()
        return super()._repr_mimebundle_(**asked)

    def close(self) -> None:
        """Take it off the page; the client stays as it is."""
        self.painter.stop()
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
    return f"{target.host}:{target.port}"
