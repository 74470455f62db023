"""A session with buttons: what may be sent now, what was said, and Cancel.

Three rules keep it honest. Callbacks return at once and may be called twice or from
any thread, since some kernels run them on another one. The worker never touches a
widget. One flusher writes all of the state, ten times a second while something runs
and once more at the end: a front end that lost a message is right again with the next.

Text of a server enters through `for_html` or the transcript's own HTML, never as
markup. There is no field for a password: the state of a widget is saved with the
notebook. `%smtp auth` asks for it.

This module knows nothing of sockets or of SMTP beyond the names of verbs.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w

from smtpnb.client import SmtpClient
from smtpnb.edges.colours import AMBER, GREEN, RED
from smtpnb.edges.text import for_html
from smtpnb.notebook.line import host_and_port
from smtpnb.notebook.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb._connection import Target
    from smtpnb.message.content import Content
    from smtpnb.notebook.worker import Look
    from smtpnb.protocol.reply import Reply

FLUSH_S: Final = 0.1
# A verb's button, and what it is called in the table of the session.
_VERBS: Final = {
    "EHLO": "greet, and learn what is offered",
    "STARTTLS": "begin TLS; EHLO is due again",
    "MAIL": "begin a mail transaction with the sender above",
    "RCPT": "add the recipient above",
    "DATA": "send the message below",
    "RSET": "forget the mail transaction",
    "NOOP": "do nothing",
    "QUIT": "say goodbye and close",
}
_COLOURS: Final = {
    "accepted": GREEN,
    "refused": RED,
    "cancelled": AMBER,
    "failed": RED,
}
_SAMPLE: Final = "From: Ann <ann@client.example>\nSubject: hello\n\nfrom the panel\n"
_NARROW: Final = {"width": "auto", "min_width": "5.5em"}


class Panel(w.VBox):
    """A panel for one client.

    Args:
        client: The client; None for a new one.
        target: What Connect connects to when its address stands in the address bar: a
            `Sandbox`, or "host:port".

    Attributes:
        client: The client: everything that works on it works beside the panel.
        worker: What runs the operations.
        content: A message (octets, file, iterator) that DATA sends in place of the
            message box, or None.
    """

    def __init__(
        self, client: SmtpClient | None = None, target: Target | str = "localhost:25"
    ) -> None:
        self.client = client if client is not None else SmtpClient()
        self.content: Content | None = None
        self.worker = Worker(self.client, self._wake)
        self._target = target
        self._total = 0
        self._flushing = threading.Lock()
        self._awake = threading.Event()
        self._flusher: threading.Thread | None = None
        self._build(target if isinstance(target, str) else _address(target))
        super().__init__(self._rows())
        self.add_class("smtpnb-panel")
        self.flush()

    # What it is made of

    def _build(self, address: str) -> None:
        self.address = _text("server", address)
        self.implicit_tls = w.Checkbox(
            description="TLS from the first octet",
            indent=False,
            layout=w.Layout(width="auto"),
        )
        self.connect_button = _button("Connect", "primary", self._connect)
        self.cancel_button = _button("Cancel", "danger", self._cancel)
        self.cancel_button.tooltip = "stop what runs, and close the connection"
        self.identity = _text("identity", "client.example")
        self.sender = _text("from", "ann@client.example")
        self.recipient = _text("to", "bob@sandbox.example")
        self.verbs = {
            verb: _button(verb, "", self._say(verb), tip)
            for verb, tip in _VERBS.items()
        }
        self.message = w.Textarea(
            _SAMPLE, rows=5, layout=w.Layout(width="auto"), description=""
        )
        self.progress = w.FloatProgress(
            0.0, min=0.0, max=1.0, layout=w.Layout(width="14em")
        )
        self.status = w.HTML()
        self.transcript = w.HTML(
            layout=w.Layout(width="auto", flex="0 0 auto", height="auto")
        )
        classes = {
            "address": self.address,
            "connect": self.connect_button,
            "cancel": self.cancel_button,
            "message": self.message,
            "progress": self.progress,
            "status": self.status,
            "said": self.transcript,
            "from": self.sender,
            "to": self.recipient,
            **{verb.lower(): button for verb, button in self.verbs.items()},
        }
        for name, widget in classes.items():
            widget.add_class(f"smtpnb-{name}")

    def _rows(self) -> list[Any]:
        frame = w.Layout(
            max_height="24em",
            overflow="auto",
            border="1px solid #cccccc",
            padding="4px",
            flex_flow="column-reverse",  # keeps the newest line in sight
        )
        return [
            _row(
                self.address,
                self.implicit_tls,
                self.connect_button,
                self.cancel_button,
            ),
            _row(self.identity, self.sender, self.recipient),
            _row(*self.verbs.values()),
            self.message,
            _row(self.progress, self.status),
            w.Box([self.transcript], layout=frame),
        ]

    # What its buttons do

    def _connect(self) -> None:
        address, implicit = self.address.value.strip(), bool(self.implicit_tls.value)
        self._start("connect", lambda: self._open(address, implicit_tls=implicit))

    def _open(self, address: str, *, implicit_tls: bool) -> Reply:
        target = self._target
        if not isinstance(target, str) and address == _address(target):
            return self.client.connect(target)
        host, port = host_and_port(address)
        return self.client.connect(host, port, implicit_tls=implicit_tls)

    def _say(self, verb: str) -> Callable[[], None]:
        def say() -> None:
            # The fields are read here, before the thread begins.
            operation = self._operation(verb)
            self._start(verb, operation)

        return say

    def _operation(self, verb: str) -> Callable[[], Reply]:
        client, identity = self.client, self.identity.value.strip()
        sender, recipient = self.sender.value.strip(), self.recipient.value.strip()
        content = self.message.value if self.content is None else self.content
        self._total = len(content) if isinstance(content, (str, bytes)) else 0
        operations: dict[str, Callable[[], Reply]] = {
            "EHLO": lambda: client.ehlo(identity or None),
            "STARTTLS": client.starttls,
            "MAIL": lambda: client.mail_from(sender),
            "RCPT": lambda: client.rcpt_to(recipient),
            "DATA": lambda: client.data(content),
            "RSET": client.rset,
            "NOOP": client.noop,
            "QUIT": client.quit,
        }
        return operations[verb]

    def _cancel(self) -> None:
        self.worker.cancel()
        self._wake()

    # How it is painted

    def _start(self, what: str, operation: Callable[[], Reply]) -> None:
        if self.worker.start(what, operation):
            self._wake()

    def _wake(self) -> None:
        """Have the state painted soon, by the one thread that paints."""
        self._awake.set()
        with self._flushing:
            if self._flusher is None:
                self._flusher = threading.Thread(
                    target=self._flush_while_busy, name="smtpnb-flusher", daemon=True
                )
                self._flusher.start()

    def _flush_while_busy(self) -> None:
        while True:
            self._awake.clear()
            running = self.worker.look().running
            self.flush()
            if running:
                self._awake.wait(FLUSH_S)
                continue
            with self._flushing:
                # Whoever wakes after this starts a new flusher.
                if not self._awake.is_set() and not self.worker.look().running:
                    self._flusher = None
                    return

    def flush(self) -> None:
        """Write the whole state into the widgets, as it is now."""
        look, client = self.worker.look(), self.client
        allowed = set() if look.running else set(client.allowed)
        if "STARTTLS" not in client.capabilities:
            allowed.discard("STARTTLS")
        for verb, button in self.verbs.items():
            button.disabled = verb not in allowed
        closed = client.state.name == "CLOSED"
        self.connect_button.disabled = bool(look.running) or not closed
        self.cancel_button.disabled = not look.running and closed
        share = look.octets / self._total if self._total else 0.0
        self.progress.value = min(share, 1.0)
        self.status.value = self._status(look)
        self.transcript.value = client.transcript._repr_html_()  # what a cell shows
        if not look.running:
            for widget in (self.status, self.transcript, self.progress):
                widget.send_state("value")

    def _status(self, look: Look) -> str:
        state = f"{self.client.state}"
        if look.running:
            sent = f", {look.octets / 1e6:.1f} MB sent" if look.octets else ""
            return f"<b>{for_html(look.running)}</b> \u2026{sent}"
        now = f"session: <b>{for_html(state)}</b>"
        if not look.kind:
            return now
        said = f'<b style="color:{_COLOURS[look.kind]}">{look.kind}</b>'
        return f"{said}: {for_html(look.text)} \u00b7 {now}"


def _address(target: Target) -> str:
    return f"{target.host}:{target.port}"


def _text(description: str, value: str) -> Any:
    return w.Text(
        value,
        description=description,
        style={"description_width": "4.5em"},
        layout=w.Layout(width="19em"),
    )


def _button(name: str, style: str, act: Callable[[], None], tip: str = "") -> Any:
    button = w.Button(
        description=name, button_style=style, tooltip=tip, layout=w.Layout(**_NARROW)
    )
    button.on_click(lambda _: act())
    return button


def _row(*widgets: Any) -> Any:
    return w.HBox(widgets, layout=w.Layout(flex_flow="row wrap", align_items="center"))
