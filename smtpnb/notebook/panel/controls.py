"""What the panel is made of: its fields, its buttons, its views, and where they stand.

A row of fields is a grid (`look`): as many columns as the page has room for. What few
people need every day is folded away behind one box to tick.

This module knows nothing of clients; what a button does is `widget`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w

from smtpnb.notebook.panel import actions, fields, samples
from smtpnb.notebook.panel.look import STYLE
from smtpnb.protocol.sasl import choose

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CLEAR, IMPLICIT = "in clear, or STARTTLS", "from the first octet"
_VERIFY: Final = {
    "as the client does": "",
    "require": "require",
    "report (only look)": "report",
}
VIEWS: Final = ("dialogue", "waterfall", "replies", "TLS")
MECHANISMS: Final = ("auto", *choose.NAMES)


class Controls:
    """The widgets, each an attribute of its own name.

    Args:
        address: What stands in the address bar.
        press: Returns what is to be called when something is pressed, by its name.
        cancel: Is called by the Cancel button.
    """

    def __init__(
        self,
        address: str,
        press: Callable[[str], Callable[[], None]],
        cancel: Callable[[], None],
    ) -> None:
        self._make_session_fields(address)
        self._make_mail_fields()
        self._make_buttons(press, cancel)
        self._make_views()
        for field, what in self._suggests():
            fields.on_enter(field, press(what))
        for name, widget in self._named():
            widget.add_class(f"smtpnb-{name}")
        self.more.observe(lambda _: self._fold(), "value")

    def _make_session_fields(self, address: str) -> None:
        self.address = fields.text(
            "server", address, "host:port, unix:/path, lmtp://host:port, sandbox"
        )
        self.tls_mode = fields.choice("TLS", [CLEAR, IMPLICIT], CLEAR)
        self.more = fields.check("more: trust, AUTH, raw line")
        self.verify = fields.choice("verify", _VERIFY, "")
        self.ca = fields.text("CA", "", "PEM file; empty: the system's")
        self.server_name = fields.text("server name", "", "if it is not the server")
        self.user = fields.text("user")
        self.password = fields.text("password", secret=True)
        self.mechanism = fields.choice("mechanism", [*MECHANISMS], MECHANISMS[0])
        self.identity = fields.text("identity", "client.example")
        self.argument = fields.text("argument", "", "of VRFY, EXPN, ETRN, HELP, NOOP")
        self.raw = fields.text("raw line", "", "Enter sends it as it is")

    def _make_mail_fields(self) -> None:
        plain = samples.SAMPLES["plain"]
        self.sender = fields.text("from", plain.sender, "empty: the null path <>")
        self.recipient = fields.text("to", plain.recipient, "a@b.example, c@d.example")
        self.sender_parameters = fields.text("for MAIL", "", "SIZE=100 BODY=8BITMIME")
        self.recipient_parameters = fields.text("for RCPT", "", "NOTIFY=NEVER")
        self.sample = fields.choice(
            "message", [*samples.SAMPLES, samples.LARGE], "plain"
        )
        self.upload = w.FileUpload(
            description="file", multiple=False, layout=w.Layout(width="auto")
        )
        self.message = w.Textarea(
            plain.text,
            rows=5,
            description="text",
            style={"description_width": fields.NAME_WIDTH},
            layout=w.Layout(width="auto"),
        )

    def _make_buttons(
        self, press: Callable[[str], Callable[[], None]], cancel: Callable[[], None]
    ) -> None:
        self.connect_button = fields.button("Connect", press("Connect"))
        self.cancel_button = fields.button(
            "Cancel", cancel, "stop what runs, and close the connection"
        )
        self.send_button = fields.button(
            "Send", press("Send"), "EHLO if it is due, envelope, message: at once"
        )
        self.verbs = {
            verb: fields.button(
                "end of data" if verb == "." else verb, press(verb), tip
            )
            for verb, tip in actions.VERBS.items()
        }

    def _make_views(self) -> None:
        self.status, self.words = fields.html(), fields.html()
        self.aloud = fields.html()
        self.transcript, self.diagram = fields.html(), fields.html()
        self.may_be_sent = fields.html()
        self.line_ends = fields.check("line ends")
        self.decoded = fields.check("decode base64")
        self.view = w.ToggleButtons(
            options=VIEWS, value=VIEWS[0], style={"button_width": "auto"}
        )

    def _suggests(self) -> list[tuple[Any, str]]:
        """Return each field, and what Enter in it does."""
        return [
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
        ]

    def _named(self) -> list[tuple[str, Any]]:
        """Return what the style and the tests call by a name."""
        verbs = [
            ("end" if verb == "." else verb.lower(), button)
            for verb, button in self.verbs.items()
        ]
        return [
            *verbs,
            ("connect", self.connect_button),
            ("cancel", self.cancel_button),
            ("send", self.send_button),
            ("address", self.address),
            ("identity", self.identity),
            ("message", self.message),
            ("sample", self.sample),
            ("from", self.sender),
            ("to", self.recipient),
            ("password", self.password),
            ("raw", self.raw),
            ("more", self.more),
            ("status", self.status),
            ("words", self.words),
            ("aloud", self.aloud),
            ("said", self.transcript),
        ]

    def preset(self, settings: Mapping[str, Any]) -> None:
        """Let the fields say how a session was connected.

        Args:
            settings: Arguments of `SmtpClient.connect`: implicit_tls, verify, ca and
                server_hostname; others are not the panel's.

        Example:
            >>> from smtpnb import Panel
            >>> panel = Panel()
            >>> panel.preset({"implicit_tls": True})
            >>> panel.tls_mode.value
            'from the first octet'
            >>> panel.close()
        """
        self.tls_mode.value = IMPLICIT if settings.get("implicit_tls") else CLEAR
        trust = {
            "verify": (self.verify, ("require", "report")),
            "ca": (self.ca, None),
            "server_hostname": (self.server_name, None),
        }
        for name, (field, known) in trust.items():
            value = settings.get(name)
            if isinstance(value, str) and value and (known is None or value in known):
                field.value = value
                self.more.value = True  # what is not usual is in sight

    # Where it stands

    def rows(self) -> list[Any]:
        """Return the rows of the panel, from top to bottom."""
        style = w.HTML(STYLE)
        style.add_class("smtpnb-style")
        self._folded = [
            fields.grid(self.verify, self.ca, self.server_name),
            fields.grid(self.user, self.password, self.mechanism),
            self._warning(),
            fields.grid(self.sender_parameters, self.recipient_parameters),
            fields.grid(self.argument, self.raw),
        ]
        self._fold()
        trust, credentials, warning, parameters, lines = self._folded
        pressed = fields.row(self.connect_button, self.cancel_button)
        sent = fields.row(self.upload, self.send_button)
        return [
            style,
            fields.grid(self.address, self.tls_mode, pressed),
            self.more,
            trust,
            credentials,
            warning,
            fields.grid(self.identity, self.sender, self.recipient),
            parameters,
            fields.grid(self.sample, sent),
            self.words,
            self.message,
            lines,
            fields.row(*self.verbs.values()),
            self.status,
            self.aloud,
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
                overflow="auto",
                padding="0 4px 4px",
                flex_flow="column-reverse",  # keeps the newest line in sight
            ),
        )
        frame.add_class("smtpnb-frame")
        self.transcript.layout.flex = "0 0 auto"
        self.diagram.layout.flex = "1 1 17em"
        left = w.VBox(
            [frame, self.may_be_sent],
            layout=w.Layout(min_width="16em", flex="2 1 24em"),
        )
        below = fields.row(left, self.diagram)
        below.layout.align_items = "flex-start"
        return below

    @staticmethod
    def _warning() -> Any:
        said = fields.html()
        said.value = (
            "The password leaves its box before AUTH begins; do not save while you "
            "are typing it."
        )
        said.add_class("smtpnb-words")
        return said

    def _fold(self) -> None:
        for each in self._folded:
            each.layout.display = None if self.more.value else "none"
