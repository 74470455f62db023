"""How the answer to a command looks: in words, as a page and as one stable line.

Code, enhanced code, what they mean, and for EHLO what is offered, for TLS what was
negotiated and what verified or did not, for a message what became of it for each
recipient. Text of a server is inert (`edges.text`); no script is needed.

This module knows nothing of how a command is written or sent.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis.replies.status import status_meaning
from smtpnb.edges.colours import AMBER, BLUE, GREEN, RED
from smtpnb.edges.text import NO_LATEX, for_html, for_terminal
from smtpnb.notebook.render import in_words_of_magics, ink, words_in
from smtpnb.protocol.capabilities import Capabilities
from smtpnb.protocol.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from smtpnb.client import SmtpClient
    from smtpnb.message.delivery import Delivery, Recipient

# Of many messages, so many that were not accepted are shown one by one.
MOST_TOLD: Final = 20
_COLOURS: Final = {2: GREEN, 3: BLUE, 4: AMBER, 5: RED}
# In a narrow table a reply keeps its words whole, and the table scrolls.
_PRE: Final = (
    "padding-left:6px;background:transparent;min-width:13em;word-break:normal;"
    "overflow-wrap:anywhere"
)
_LEFT: Final = "text-align:left;vertical-align:top"

# Of each keyword: what it is for, and where that is written.
KEYWORDS: Final[Mapping[str, tuple[str, int]]] = {
    "8BITMIME": ("octets above 127 in the message", 6152),
    "ATRN": ("turn the connection round, after AUTH", 2645),
    "AUTH": ("authentication, by these mechanisms", 4954),
    "BINARYMIME": ("a message that is no lines of text", 3030),
    "BURL": ("the server fetches pieces of the message", 4468),
    "CHECKPOINT": ("go on with a message that was cut off", 1845),
    "CHUNKING": ("BDAT: a message in counted chunks", 3030),
    "CONNEG": ("what content a recipient can take", 4141),
    "CONPERM": ("the server may convert the content", 4141),
    "DELIVERBY": ("deliver by a time, or say so", 2852),
    "DSN": ("delivery status notifications", 3461),
    "ENHANCEDSTATUSCODES": ("codes such as 5.7.1 in replies", 2034),
    "ETRN": ("start a queue for a domain", 1985),
    "EXPN": ("expand a mailing list", 5321),
    "FUTURERELEASE": ("keep a message until later", 4865),
    "HELP": ("ask the server for help", 5321),
    "LIMITS": ("how much one session may ask", 9422),
    "MT-PRIORITY": ("priority of a message", 6710),
    "MTRK": ("track a message", 3885),
    "NO-SOLICITING": ("no unsolicited mail of these classes", 3865),
    "PIPELINING": ("many commands in one turn", 2920),
    "REQUIRETLS": ("TLS the whole way, or no delivery", 8689),
    "RRVS": ("deliver only if the mailbox is still theirs", 7293),
    "SIZE": ("largest message, in octets", 1870),
    "SMTPUTF8": ("addresses beyond ASCII", 6531),
    "STARTTLS": ("TLS from here on", 3207),
    "VRFY": ("ask about an address", 5321),
}
_DRAFTS: Final = "https://datatracker.ietf.org/doc/html"
_POSTFIX: Final = "https://www.postfix.org"
# Of keywords that no RFC has: what they are for, and who has written them down.
_OTHERS: Final = {
    "PRDR": ("a reply for each recipient", f"{_DRAFTS}/draft-hall-prdr-00"),
    "XCLIENT": ("be taken for another client", f"{_POSTFIX}/XCLIENT_README.html"),
    "XFORWARD": ("say whose mail follows", f"{_POSTFIX}/XFORWARD_README.html"),
}
_OUTCOMES: Final = {
    2: "the server has taken responsibility for the message",
    4: "the message was not taken; it may be tried again later",
    5: "the message was not taken; do not repeat it as it is",
}


class Answer(Reply):
    """A reply that knows to which command it came, and shows itself so.

    Attributes:
        verb: The command of `%smtp`.
        seconds: From the command until its answer was there.
        tls: What TLS negotiated, if this command began it.
        note: One more line of ours; "" for none.
    """

    __slots__ = ("note", "seconds", "tls", "verb")
    verb: str
    seconds: float
    tls: dict[str, Any] | None
    note: str

    def __init__(
        self,
        octets: bytes,
        verb: str = "",
        seconds: float = 0.0,
        tls: dict[str, Any] | None = None,
        note: str = "",
    ) -> None:
        super().__init__(octets)
        for name, value in (
            ("verb", verb),
            ("seconds", seconds),
            ("tls", tls),
            ("note", note),
        ):
            object.__setattr__(self, name, value)

    def __reduce__(self) -> Any:
        facts = (self.octets, self.verb, self.seconds, self.tls, self.note)
        return type(self), facts

    __hash__ = Reply.__hash__

    @property
    def meaning(self) -> str:
        """What code and enhanced code mean, in words."""
        return str(status_meaning(self.code, self.enhanced))

    def __repr__(self) -> str:
        return "\n".join([f"{self}  ({self.meaning})", *self._more()])

    def _more(self) -> list[str]:
        lines = []
        if self.tls is not None:
            facts = tls_facts(self.tls)
            lines = [f"  {name}: {for_terminal(text)}" for name, text in facts]
        lines += [f"  {line}" for line in self.note.splitlines()]
        return lines

    def _repr_html_(self) -> str:
        shows_offer = self.verb in ("ehlo", "lhlo") and self.ok
        lines = self.lines[:1] if shows_offer else self.lines
        ms = round(1000 * self.seconds)
        time = f"{ms} ms" if ms else "under 1 ms"
        parts = [_reply_html(self, self.meaning, time, lines)]
        if shows_offer:
            parts.append(_offer_html(Capabilities.from_reply(self)))
            said = "\n".join(for_html(line) for line in self.lines[1:])
            if said:  # the table is our reading of it
                words = "<summary>as it was said</summary>"
                fold = '<details class="smtpnb-as-said">'
                parts.append(f"{fold}{words}<pre>{said}</pre></details>")
        if self.tls is not None:
            parts.append(_table(_escaped(tls_facts(self.tls))))
        if self.note:
            parts += [f"<div>{for_html(line)}</div>" for line in self.note.splitlines()]
        return f'<div class="smtpnb-answer {NO_LATEX}">{"".join(parts)}</div>'


def after_content(reply: Reply) -> str:
    """Say what the reply to the end of a message means for the message."""
    return _OUTCOMES.get(reply.reply_class, "")


def finals_of(client: SmtpClient) -> list[Reply]:
    """Return the replies to the end of a message; a 353 of PRDR comes before them."""
    return [each for each in client.replies if each.code != 353]


def each_recipient(recipients: Iterable[Recipient]) -> str:
    """Return lines: for how many a message was accepted, then one a recipient."""
    rows = tuple(recipients)
    n = sum(row.ok for row in rows)
    lines = [
        f"  {row.outcome:<9} <{for_terminal(row.forward_path)}>"
        f"{'' if row.reply is None else f'  {row.reply}'}"
        for row in rows
    ]
    return "\n".join([f"{n} of {len(rows)} recipients accepted", *lines])


def tls_facts(tls: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what TLS negotiated, and what verified or did not, as names and words."""
    findings = [str(one) for one in tls.get("findings") or ()]
    verified = "verified" if tls.get("verified") else "NOT verified"
    return [
        ("version", str(tls.get("version") or "unknown")),
        ("cipher", str(tls.get("cipher") or "unknown")),
        ("name", str(tls.get("server_hostname") or "none")),
        ("certificate of", str(tls.get("cert_subject") or "unknown")),
        ("certificate", "; ".join([verified, *findings])),
    ]


def delivery_text(delivery: Delivery) -> str:
    """Return a delivery as lines: what became of it, then one for each recipient.

    Of one that was not tried: why, if the fault is its own.
    """
    if delivery.error is not None:
        why = in_words_of_magics(str(delivery.error))
        return f"{delivery.outcome}: {for_terminal(why)}"
    return f"{delivery.outcome}: {each_recipient(delivery.recipients)}"


def delivery_html(delivery: Delivery) -> str:
    """Return a delivery as a table of recipients, each with its reply."""
    rows = []
    for row in delivery.recipients:
        said = "no reply"
        if row.reply is not None:
            meaning = status_meaning(row.reply.code, row.reply.enhanced)
            said = _reply_html(row.reply, str(meaning), "")
        style = words_in(GREEN if row.ok else RED)
        outcome = f'<b style="{style}">{for_html(row.outcome)}</b>'
        rows.append((f"&lt;{for_html(row.forward_path)}&gt;", outcome, said))
    head = delivery_text(delivery).partition("\n")[0]
    table = _table(rows, ("recipient", "outcome", "reply")) if rows else ""
    return (
        f'<div class="smtpnb-delivery {NO_LATEX}"><b>{for_html(head)}</b>{table}</div>'
    )


class Sent(list["Delivery"]):
    """What became of many messages; it shows how many, and those not accepted."""

    def __repr__(self) -> str:
        counted = Counter(delivery.outcome for delivery in self)
        words = ", ".join(f"{n} {outcome}" for outcome, n in counted.items())
        head = f"{len(self)} message{'' if len(self) == 1 else 's'}"
        told = [delivery_text(one) for one in self._told()[:MOST_TOLD]]
        return "\n".join([f"{head}: {words or 'none'}", *told, *self._more()])

    def _repr_html_(self) -> str:
        head = repr(self).partition("\n")[0]
        told = "".join(delivery_html(one) for one in self._told()[:MOST_TOLD])
        more = "".join(f"<div>{line}</div>" for line in self._more())
        return f'<div class="{NO_LATEX}"><b>{for_html(head)}</b>{told}{more}</div>'

    def _told(self) -> list[Delivery]:
        return [one for one in self if not one.ok]

    def _more(self) -> list[str]:
        left = len(self._told()) - MOST_TOLD
        return [f"... and {left} more"] if left > 0 else []


def _reply_html(
    reply: Reply, meaning: str, time: str, lines: Iterable[str] | None = None
) -> str:
    lines = reply.lines if lines is None else lines
    shown = "\n".join(for_html(line) for line in lines)
    colour = _COLOURS.get(reply.reply_class, RED)
    words = " &middot; ".join(filter(None, (for_html(meaning), time)))
    edge = "solid" if reply.ok else "double"
    return (
        f'<pre style="margin:0;{_PRE};border-left:4px {edge} {ink(colour)}">'
        f'<b style="{words_in(colour)}">{reply.code}</b> {shown}</pre>'
        f'<div style="padding-left:10px;font-size:90%">{words}</div>'
    )


def _offer_html(offer: Capabilities) -> str:
    rows = []
    for keyword, parameters in offer.items():
        words, where = _OTHERS.get(keyword, ("not registered", ""))
        name = "its makers" if where else ""
        if keyword in KEYWORDS:
            words, rfc = KEYWORDS[keyword]
            name, where = f"RFC {rfc}", f"https://www.rfc-editor.org/rfc/rfc{rfc}"
        said = for_html(" ".join([keyword, *parameters]))
        link = (
            f'<a href="{where}" style="white-space:nowrap">{name}</a>' if where else ""
        )
        rows.append((said, words, link))
    return _table(rows, ("offered", "what it is", "where"))


def _escaped(rows: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    return [tuple(for_html(cell) for cell in row) for row in rows]


def _table(rows: Iterable[tuple[str, ...]], head: tuple[str, ...] = ()) -> str:
    """Return a table; the cells are HTML already."""
    top = "".join(f'<th style="{_LEFT}">{name}</th>' for name in head)
    body = "".join(
        f'<tr><td style="{_LEFT};overflow-wrap:anywhere">{row[0]}</td>'
        + "".join(f'<td style="{_LEFT}">{cell}</td>' for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table>{f'<tr>{top}</tr>' if head else ''}{body}</table>"
