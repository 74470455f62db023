"""What a refusal means to a postmaster, and what to do about it: sentences by reason.

The reasons are those of `classify` (Sisimai's words). Each has a cause, which completes
"the server refused: ...", and steps, most useful first. Steps tell what the one who
sent can do; what only the other side can mend, they say so. What fits only a cause
that passes, or only one that stays, is kept apart: advice never contradicts how
permanent a refusal is (`replies.permanence`).

This module knows nothing of replies or of transcripts.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from smtpnb.analysis.replies.permanence import (
    FOR_NOW,
    FOR_THIS_MESSAGE,
    LOOP,
    LOOP_CODE,
)


class Advice(NamedTuple):
    """What lies behind a reason, and what to do.

    Attributes:
        cause: In a few words, to stand behind a colon.
        steps: What to do next, most useful first, however permanent it is.
        later: What to do besides if the cause passes by itself.
        mended: What to do besides if it does not.
    """

    cause: str
    steps: tuple[str, ...]
    later: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()

    def steps_for(self, permanence: str | None) -> tuple[str, ...]:
        """Return the steps that fit how permanent a refusal is: never the opposite."""
        if permanence in {FOR_NOW, FOR_THIS_MESSAGE}:
            return (*self.steps, *self.later)
        return (*self.steps, *self.mended)


# Not Sisimai's: of its "securityerror", the part that 535 means (RFC 4954 section 6).
CREDENTIALS: Final = "credentials"

# What the rule tells more exactly than the reason does, by the rule's name.
BY_RULE: Final = {
    "recipients": Advice(
        "one message has too many recipients for it",
        (
            "Send to those accepted now, and to the rest in a second transaction.",
            "RFC 5321 4.5.3.1.8 asks servers to take a hundred at least.",
        ),
    ),
    "silent too long": Advice(
        "we were silent too long (a time-out on its side)",
        (
            "Connect again; keep the time between commands short.",
            "Servers wait about five minutes for a command (RFC 5321 4.5.3.2.7).",
        ),
    ),
    "tls(not available)": Advice(
        "its TLS does not work at the moment (RFC 3207 section 4)",
        ("If it lasts, tell their postmaster; or see whether it takes mail in clear.",),
        ("Connect again after a while.",),
    ),
    "tls(certificate)": Advice(
        "a certificate, or what DANE or MTA-STS says of it, did not hold",
        (
            "Find whose it is: the text tells, or else the host that relays.",
            "Compare its names, dates and chain with the TLSA records or the policy.",
        ),
    ),
    "auth(OAuth)": Advice(
        "it takes no password here any more (basic authentication is off)",
        (
            "Authenticate by OAuth: XOAUTH2 or OAUTHBEARER, with a token.",
            "Where that cannot be, send through a relay that takes your password.",
        ),
    ),
    "policy(host)": Advice(
        "it refuses our host, by its address or its name",
        (
            "See whether the text names a list, or a page that tells why.",
            "On a submission port: say AUTH first.",
            "A dynamic address is refused by many: send through a relay instead.",
        ),
    ),
    "policy(blocked)": Advice(
        "something of ours is blocked there, and it does not say what",
        (
            "Follow its link, if there is one: address, domain, link or content.",
            "Else ask their postmaster, with the text, the time and your IP address.",
        ),
    ),
    "address(code)": Advice(
        "it does not take an address; its code tells no more",
        ("See whose: the command that was refused names it.",),
    ),
    "helo name": Advice(
        "it does not like the name that we gave in EHLO",
        (
            "Say a full name of your own, which leads to your IP address.",
            "No localhost, no name without a dot, no name of theirs.",
        ),
    ),
    "recipient(group or mailbox restricted)": Advice(
        "the group or mailbox takes mail only from some senders",
        ("Ask its owner to let you in; or send from within the organisation.",),
    ),
    "command line": Advice(
        "it did not understand the command",
        (
            "Look for a typo, an option that EHLO does not offer, or a line too long.",
            "A command line has 512 octets at most (RFC 5321 4.5.3.1.4).",
        ),
    ),
    LOOP: Advice(
        "the message goes round in a circle, or has passed too many hosts",
        ("The Received lines show which two hosts pass it to and fro.",),
    ),
    "busy": Advice(
        "the mailbox is in use by another process",
        (),
        ("It is free again in moments; a second attempt passes.",),
    ),
    "come back": Advice(
        "it asks us to come back and gives no cause (often greylisting)",
        ("Keep sender, recipient and IP address the same.",),
        ("Try again in some minutes.",),
    ),
}

BY_RULE["helo name(sendmail)"] = BY_RULE["helo name"]
BY_RULE[LOOP_CODE] = BY_RULE[LOOP]

ADVICE: Final = {
    "greylisted": Advice(
        "it does not know us yet and asks us to come back (greylisting)",
        ("Do not report the address as bad.",),
        ("Try again in some minutes with the same sender, recipient and IP address.",),
    ),
    "userunknown": Advice(
        "it says that there is no such mailbox",
        ("Check the spelling of the address; ask the recipient another way.",),
        mended=("Take the address off your lists: more attempts cost reputation.",),
    ),
    "hasmoved": Advice(
        "the mailbox has moved",
        ("Ask the recipient for the new address; it may stand in the text.",),
    ),
    "hostunknown": Advice(
        "it does not know, or cannot find, the domain of the address",
        (
            "Check the spelling of the domain.",
            "See whether its MX records lead to the host that refused.",
        ),
    ),
    "suspend": Advice(
        "the mailbox is disabled",
        ("Only its owner or the provider can enable it; tell the recipient.",),
    ),
    "mailboxfull": Advice(
        "the mailbox is full",
        ("Tell the recipient another way; only they can make room.",),
        ("Try again in a day; a smaller message may pass before that.",),
    ),
    "mesgtoobig": Advice(
        "the message is too big",
        (
            "Compare its size with the SIZE that EHLO offered.",
            "Send it smaller, or a link; the encoding of attachments adds a third.",
        ),
    ),
    "systemfull": Advice(
        "the server has no room left",
        ("Their postmaster has to make room.",),
        ("Try again later.",),
    ),
    "notaccept": Advice(
        "this host accepts no mail",
        (
            "Look up the MX records of the domain; a null MX (RFC 7505) says the same.",
            "If the host is right, tell the recipient: nothing reaches them there.",
        ),
    ),
    "norelaying": Advice(
        "it does not carry mail for others (relaying denied)",
        (
            "If it is your own submission server: AUTH first, on port 587 or 465.",
            "If it is the recipient's MX: it does not take the domain for its own.",
        ),
    ),
    "rejected": Advice(
        "it does not accept the sender's address",
        (
            "See whether the domain in MAIL FROM exists, with MX or address records.",
            "See whether you may use this sender: after AUTH it must often be yours.",
        ),
    ),
    "authfailure": Advice(
        "the sender's domain failed SPF, DKIM or DMARC",
        (
            "Check that the SPF record of the MAIL FROM domain lists the sending IP.",
            "Check that the message carries a DKIM signature of the From domain.",
            "A forwarder or list in between breaks SPF; then DKIM must hold.",
        ),
    ),
    "requireptr": Advice(
        "the reverse DNS of our IP address is missing or does not match",
        (
            "Give the IP address a PTR record whose name leads back to the address.",
            "Say that very name in EHLO.",
        ),
    ),
    "badreputation": Advice(
        "it does not trust our IP address or domain",
        (
            "Look for the cause first: a stolen account, old lists, sudden volume.",
            "Then ask the provider's postmaster page to look again.",
        ),
    ),
    "blocked": Advice(
        "our IP address, name or domain is on a block list",
        (
            "Look the IP address up on the list that the text names.",
            "Stop the cause before asking to be taken off; else it returns.",
            "A dynamic address is listed for good: send through a relay instead.",
        ),
    ),
    "spamdetected": Advice(
        "it takes the message for spam",
        (
            "Look at the message as a filter does: links, attachments, From, DKIM.",
            "The same again makes it worse; ask their postmaster, with text and time.",
        ),
    ),
    "virusdetected": Advice(
        "it takes the message for harmful",
        ("Do not send it again; scan it, and the machine it came from.",),
    ),
    "policyviolation": Advice(
        "its policy forbids it",
        (
            "The text is all there is to go by; follow a link in it with care.",
            "Ask their postmaster, with the text, the time and your IP address.",
        ),
    ),
    "notcompliantrfc": Advice(
        "the message breaks the format of messages (RFC 5322)",
        ("Look for a missing or doubled From, Date or Message-ID, and long lines.",),
    ),
    "contenterror": Advice(
        "it cannot take the message in this form",
        ("Send it as plain text, 7-bit, and see whether that passes.",),
    ),
    "securityerror": Advice(
        "it wants authentication first, or another kind of it",
        (
            "Say AUTH before MAIL FROM, with a mechanism that EHLO offers.",
            "If AUTH is not offered, say STARTTLS and EHLO first.",
        ),
    ),
    CREDENTIALS: Advice(
        "it did not accept the user name or the password",
        (
            "Check both; some providers want a password made for applications.",
            "Others take no password any more, only OAuth.",
            "Do not go on trying: accounts get locked.",
        ),
    ),
    "failedstarttls": Advice(
        "it wants TLS, or TLS failed",
        (
            "Say STARTTLS, then EHLO again, then the command.",
            "tls_posture(transcript) tells what was negotiated and what was wrong.",
        ),
    ),
    "speeding": Advice(
        "we send too much or too fast",
        ("Do not change IP addresses to get around it.",),
        ("Send less at once and slower; wait longer after each such reply.",),
    ),
    "toomanyconn": Advice(
        "we have too many connections open",
        ("Open fewer connections to this host, and send more messages on each.",),
    ),
    "exceedlimit": Advice(
        "a limit was reached",
        ("If it is of recipients: send to those accepted first, then to the rest.",),
        ("If it is per hour or day: wait for the next one.",),
    ),
    "networkerror": Advice(
        "something between the hosts does not work: DNS, a route, a connection",
        ("Look the names up as the server would: MX, A, AAAA.",),
        ("Try again later.",),
    ),
    "expired": Advice(
        "the message waited too long on its way",
        ("Find the host behind this one that does not answer.",),
    ),
    "syntaxerror": Advice(
        "it did not understand the command, or did not expect it there",
        (
            "Look for a typo, or for an order that RFC 5321 4.1.4 does not allow.",
            "See whether EHLO offers the extension that the command uses.",
        ),
    ),
    "systemerror": Advice(
        "something is out of order on its side",
        ("If it lasts, tell their postmaster the time and the text.",),
        ("Try again later.",),
    ),
}

# What to say when a reply gives no reason.
UNDEFINED: Final = Advice(
    "it gave no reason that we know",
    ("Read the text; if it says nothing, ask their postmaster.",),
    ("Try again later.",),
)

# What ended a session without a reply, by the error's class; and what a queue tells
# where it did not ask.
FAULTS: Final = {
    "Cancelled": Advice(
        "it was cancelled here", ("Connect again when you want to; nothing is broken.",)
    ),
    "KeyboardInterrupt": Advice(
        "it was interrupted here", ("Connect again when you want to.",)
    ),
    "Left": Advice("the connection was closed here before it answered", ()),
    "DeadlineExceeded": Advice(
        "no answer came in time",
        (
            "Filters may be slow, some on purpose: allow more time (RFC5321 timeouts).",
            "If nothing ever comes, look for a firewall, or for TLS on the wrong port.",
        ),
    ),
    "NotTried": Advice(
        "it was not asked again: earlier attempts failed, and the queue waits",
        ("Find the earlier lines of this message or this host: they tell why.",),
    ),
    "Expired": Advice(
        "the queue gave the message up, after days of trying",
        (
            "Find the earlier lines of this message: they tell what each attempt met.",
            "RFC 5321 4.5.4.1 has a queue try for four to five days at least.",
        ),
    ),
    "ConnectionLost": Advice(
        "the connection broke",
        (
            "See what came just before: a server that hangs up often said why.",
            "Try again; if it breaks at the same place, tell their postmaster.",
        ),
    ),
    "ConnectError": Advice(
        "no connection could be made",
        (
            "See whether host and port are right, and whether the server runs.",
            "Many networks block port 25 outwards; 587 and 465 are for submission.",
        ),
    ),
    "ResolveError": Advice(
        "the name could not be resolved",
        ("Check the spelling; look up MX, A and AAAA with another resolver.",),
    ),
    "TlsError": Advice(
        "TLS failed",
        (
            'Look at the certificate: say verify="report" in the same call.',
            "A wrong port speaks no TLS: 465 does at once, 25 and 587 after STARTTLS.",
        ),
    ),
    "RemoteProtocolError": Advice(
        "it did not speak SMTP as it must",
        ("Look at its last words in the transcript; is it an SMTP server at all?",),
    ),
}
OTHER_FAULT: Final = Advice("it failed here", ("Look at the last line.",))

UNKNOWN_OUTCOME: Final = (
    "Do not send it again yet: it may then arrive twice (RFC 1047).",
    "Ask the recipient, or have the server's log searched for the message.",
)
