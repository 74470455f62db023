"""What other people's labels of bounces say in our words: label -> class, permanence.

To measure `classify` against labels that others gave (tests/bench/agreement.py reads
them from a folder; none of their texts is in the project). This table was set before
the rules were tuned by them, and is not mended by what it shows: a label that looks
wrong for its text is listed, and counted as a miss.

Several classes stand where the label's own definition covers several of ours. A
permanence of "code" means that the first digit of the reply decides; "now", that the
cause passes by itself, whatever the digit; "good", that it does not; "any", that the
label says nothing of it.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Meaning(NamedTuple):
    """The classes that a label allows, and how permanent it is."""

    classes: frozenset[str]
    permanence: str


def _means(classes: str, permanence: str = "code") -> Meaning:
    return Meaning(frozenset(classes.split()), permanence)


_SISIMAI: Final = {
    "authfailure": _means("policy"),
    "badreputation": _means("policy"),
    "blocked": _means("policy"),
    "contenterror": _means("policy permanent"),
    # Its definition: a limit of the recipient's, of size in the main.
    "exceedlimit": _means("permanent rate_limited", "any"),
    "expired": _means("network", "any"),
    "failedstarttls": _means("tls"),
    # Refused behind the address check: by a filter, or no such user said late.
    "filtered": _means("policy permanent"),
    "hasmoved": _means("permanent"),
    "hostunknown": _means("permanent", "good"),
    "mailboxfull": _means("transient", "now"),
    "mailererror": _means("permanent transient", "any"),
    "mesgtoobig": _means("permanent"),
    "networkerror": _means("network", "any"),
    "norelaying": _means("policy"),
    "notaccept": _means("permanent policy"),
    "notcompliantrfc": _means("policy permanent"),
    "policyviolation": _means("policy"),
    "ratelimited": _means("rate_limited", "now"),
    "rejected": _means("policy permanent"),
    "requireptr": _means("policy"),
    # Its definition: credentials, TLS, and security settings of any kind.
    "securityerror": _means("auth tls policy"),
    "spamdetected": _means("policy"),
    "speeding": _means("rate_limited", "now"),
    "suppressed": _means("policy permanent"),
    "suspend": _means("permanent"),
    "syntaxerror": _means("permanent"),
    # A fault of theirs: what a 5yz of that kind is worth, the text must tell.
    "systemerror": _means("transient permanent", "any"),
    "systemfull": _means("transient", "now"),
    "toomanyconn": _means("rate_limited", "now"),
    "userunknown": _means("permanent"),
    "virusdetected": _means("policy"),
}

_KUMOMTA: Final = {
    "AuthenticationFailed": _means("policy auth"),
    "BadConfiguration": _means("transient permanent"),
    "BadConnection": _means("network", "any"),
    "BadDomain": _means("permanent"),
    "ContentRelated": _means("policy permanent"),
    "DNSFailure": _means("network", "any"),
    "InactiveMailbox": _means("permanent"),
    "InvalidRecipient": _means("permanent"),
    "InvalidSender": _means("policy permanent"),
    "MessageExpired": _means("network", "any"),
    "NoAnswerFromHost": _means("network", "any"),
    "PolicyRelated": _means("policy"),
    "ProtocolErrors": _means("permanent"),
    "QuotaIssues": _means("transient", "now"),
    "RelayDenied": _means("policy"),
    "RoutingErrors": _means("network permanent", "any"),
    "SpamBlock": _means("policy"),
    "SpamContent": _means("policy"),
    "TransientFailure": _means("transient", "now"),
    "VirusRelated": _means("policy"),
}

_EMAILENGINE: Final = {
    "auth_failure": _means("policy auth"),
    "content_rejected": _means("policy permanent"),
    "domain_blacklisted": _means("policy"),
    "geo_blocked": _means("policy"),
    "greylisting": _means("greylisted", "now"),
    "invalid_address": _means("permanent"),
    "ip_blacklisted": _means("policy"),
    "mailbox_disabled": _means("permanent"),
    "mailbox_full": _means("transient", "now"),
    "policy_blocked": _means("policy"),
    "protocol_error": _means("permanent"),
    "rate_limited": _means("rate_limited", "now"),
    "relay_denied": _means("policy"),
    "server_error": _means("transient", "now"),
    "spam_blocked": _means("policy"),
    "user_unknown": _means("permanent"),
    "virus_detected": _means("policy"),
}

LABELS: Final = _SISIMAI | _KUMOMTA | _EMAILENGINE


def meaning(label: str) -> Meaning:
    """Return what a label means; `a|b` allows what either allows.

    Raises:
        KeyError: There is no such label in the table.
    """
    first, *others = (LABELS[one] for one in label.split("|"))
    classes = first.classes.union(*(one.classes for one in others))
    same = {one.permanence for one in (first, *others)}
    return Meaning(classes, same.pop() if len(same) == 1 else "any")
