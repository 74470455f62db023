"""The registered reply codes and enhanced status codes: data, and nothing else.

Reply codes are those of RFC 5321 section 4.2.3 and of the extensions that added to
them; enhanced status codes are those of RFC 3463 and of the registry that RFC 5248
began. Names are ours, short enough for a table. A section is given where it is the one
that defines the code; "basic codes" are the reply codes the registry pairs it with.

This module knows nothing of what a server really means by a code: `classify` does.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_SMTP: Final = "RFC 5321 4.2.3"
_AUTH: Final = "RFC 4954 6"
_STATUS: Final = "RFC 3463 3."


class ReplyCode(NamedTuple):
    """A reply code: its name, and where it is defined."""

    name: str
    reference: str


class Detail(NamedTuple):
    """A detail of an enhanced status code.

    Attributes:
        name: What it says.
        basic_codes: The reply codes it goes with, as the registry has them.
        reference: Where it is defined.
    """

    name: str
    basic_codes: str
    reference: str


# RFC 5321 section 4.2.1: the first digit, and the second one.
CLASSES: Final = {
    2: "accepted",
    3: "go on",
    4: "refused for now",
    5: "refused",
}
CATEGORIES: Final = {
    0: "syntax",
    1: "information",
    2: "connection",
    3: "authentication",  # unassigned there; RFC 4954 took it
    5: "mail system",
}

# RFC 3463 section 2; the words for its classes are those above.
SUBJECTS: Final = {
    0: "other",
    1: "addressing",
    2: "mailbox",
    3: "mail system",
    4: "network and routing",
    5: "protocol",
    6: "content or media",
    7: "security or policy",
}

REPLY_CODES: Final = {
    211: ReplyCode("system status or help", _SMTP),
    214: ReplyCode("help", _SMTP),
    220: ReplyCode("service ready", _SMTP),
    221: ReplyCode("closing the connection", _SMTP),
    235: ReplyCode("authentication succeeded", _AUTH),
    250: ReplyCode("done", _SMTP),
    251: ReplyCode("user not local, will forward", _SMTP),
    252: ReplyCode("cannot verify user, will try to deliver", _SMTP),
    253: ReplyCode("messages pending for the node", "RFC 1985"),
    334: ReplyCode("challenge of the authentication", "RFC 4954 4"),
    353: ReplyCode("a reply for each recipient follows", "draft-hall-prdr"),
    354: ReplyCode("send the message", _SMTP),
    355: ReplyCode("send the message from this offset", "RFC 1845"),
    421: ReplyCode("service not available, closing", _SMTP),
    432: ReplyCode("password transition needed", _AUTH),
    450: ReplyCode("mailbox unavailable for now", _SMTP),
    451: ReplyCode("local error in processing", _SMTP),
    452: ReplyCode("not enough storage", _SMTP),
    453: ReplyCode("no mail for you", "RFC 2645"),
    454: ReplyCode("TLS or authentication not available for now", "RFC 3207 4"),
    455: ReplyCode("cannot accommodate the parameters", _SMTP),
    458: ReplyCode("cannot queue messages for the node", "RFC 1985"),
    459: ReplyCode("node not allowed", "RFC 1985"),
    500: ReplyCode("command not recognised", _SMTP),
    501: ReplyCode("syntax error in the parameters", _SMTP),
    502: ReplyCode("command not implemented", _SMTP),
    503: ReplyCode("bad sequence of commands", _SMTP),
    504: ReplyCode("parameter not implemented", _SMTP),
    521: ReplyCode("host accepts no mail", "RFC 7504 3"),
    523: ReplyCode("encryption needed", "RFC 5248"),
    524: ReplyCode("encryption required for the mechanism", "RFC 5248"),
    525: ReplyCode("user account disabled", "RFC 5248"),
    530: ReplyCode("authentication or TLS required", "RFC 4954 6, RFC 3207 4"),
    534: ReplyCode("authentication mechanism too weak", _AUTH),
    535: ReplyCode("authentication credentials invalid", _AUTH),
    538: ReplyCode("encryption required for the mechanism", _AUTH),
    550: ReplyCode("mailbox unavailable", _SMTP),
    551: ReplyCode("user not local", _SMTP),
    552: ReplyCode("over the storage allocation", _SMTP),
    553: ReplyCode("mailbox name not allowed", _SMTP),
    554: ReplyCode("transaction failed", _SMTP),
    555: ReplyCode("MAIL or RCPT parameter not recognised", _SMTP),
    556: ReplyCode("domain accepts no mail", "RFC 7504 4"),
}

DETAILS: Final = {
    (0, 0): Detail("other, undefined", "", f"{_STATUS}1"),
    (1, 0): Detail("other address status", "", f"{_STATUS}2"),
    (1, 1): Detail("bad destination mailbox", "451 550", f"{_STATUS}2"),
    (1, 2): Detail("bad destination system", "", f"{_STATUS}2"),
    (1, 3): Detail("bad destination mailbox syntax", "501", f"{_STATUS}2"),
    (1, 4): Detail("ambiguous destination mailbox", "", f"{_STATUS}2"),
    (1, 5): Detail("destination address valid", "250", f"{_STATUS}2"),
    (1, 6): Detail("mailbox moved, no forwarding", "", f"{_STATUS}2"),
    (1, 7): Detail("bad sender mailbox syntax", "", f"{_STATUS}2"),
    (1, 8): Detail("bad sender system", "451 501", f"{_STATUS}2"),
    (1, 9): Detail("relayed to a non-compliant mailer", "", "RFC 3886"),
    (1, 10): Detail("recipient address has null MX", "556", "RFC 7505 4.1"),
    (2, 0): Detail("other mailbox status", "", f"{_STATUS}3"),
    (2, 1): Detail("mailbox disabled", "", f"{_STATUS}3"),
    (2, 2): Detail("mailbox full", "552", f"{_STATUS}3"),
    (2, 3): Detail("message longer than allowed", "552", f"{_STATUS}3"),
    (2, 4): Detail("list expansion problem", "450 452", f"{_STATUS}3"),
    (3, 0): Detail("other system status", "221 250 421 451 550 554", f"{_STATUS}4"),
    (3, 1): Detail("mail system full", "452", f"{_STATUS}4"),
    (3, 2): Detail("system accepts no messages", "453 521", f"{_STATUS}4"),
    (3, 3): Detail("features not supported", "", f"{_STATUS}4"),
    (3, 4): Detail("message too big for the system", "552 554", f"{_STATUS}4"),
    (3, 5): Detail("system incorrectly configured", "", f"{_STATUS}4"),
    (3, 6): Detail("requested priority was changed", "250 251", "RFC 6710"),
    (4, 0): Detail("other network status", "", f"{_STATUS}5"),
    (4, 1): Detail("no answer from host", "451", f"{_STATUS}5"),
    (4, 2): Detail("bad connection", "421", f"{_STATUS}5"),
    (4, 3): Detail("directory server failure", "451 550", f"{_STATUS}5"),
    (4, 4): Detail("unable to route", "", f"{_STATUS}5"),
    (4, 5): Detail("mail system congestion", "451", f"{_STATUS}5"),
    (4, 6): Detail("routing loop", "", f"{_STATUS}5"),
    (4, 7): Detail("delivery time expired", "", f"{_STATUS}5"),
    (5, 0): Detail(
        "other protocol status",
        "220 250 251 252 253 451 452 454 458 459 501 502 503 554",
        f"{_STATUS}6",
    ),
    (5, 1): Detail("invalid command", "430 500 501 503 530 550 554 555", f"{_STATUS}6"),
    (5, 2): Detail("syntax error", "500 501 502 550 555", f"{_STATUS}6"),
    (5, 3): Detail("too many recipients", "451", f"{_STATUS}6"),
    (5, 4): Detail(
        "invalid command arguments", "451 501 502 503 504 550 555", f"{_STATUS}6"
    ),
    (5, 5): Detail("wrong protocol version", "", f"{_STATUS}6"),
    (5, 6): Detail("authentication line too long", "500", _AUTH),
    (6, 0): Detail("other media error", "", f"{_STATUS}7"),
    (6, 1): Detail("media not supported", "", f"{_STATUS}7"),
    (6, 2): Detail("conversion required and prohibited", "", f"{_STATUS}7"),
    (6, 3): Detail("conversion required, not supported", "554", f"{_STATUS}7"),
    (6, 4): Detail("conversion with loss performed", "250", f"{_STATUS}7"),
    (6, 5): Detail("conversion failed", "", f"{_STATUS}7"),
    (6, 6): Detail("message content not available", "554", "RFC 4468"),
    (6, 7): Detail("non-ASCII address not permitted", "550 553", "RFC 6531 4.2"),
    (6, 8): Detail("UTF-8 reply required", "252 550 553", "RFC 6531 4.2"),
    (6, 9): Detail("UTF-8 header cannot be transferred", "550", "RFC 6531 4.2"),
    (6, 10): Detail("as X.6.8 (deprecated)", "", "RFC 6531 4.2"),
    (7, 0): Detail(
        "other security status",
        "220 235 450 454 500 501 503 504 530 535 550",
        f"{_STATUS}8",
    ),
    (7, 1): Detail(
        "delivery not authorised", "451 454 502 503 533 550 551", f"{_STATUS}8"
    ),
    (7, 2): Detail("list expansion prohibited", "550", f"{_STATUS}8"),
    (7, 3): Detail("security conversion not possible", "", f"{_STATUS}8"),
    (7, 4): Detail("security features not supported", "504", f"{_STATUS}8"),
    (7, 5): Detail("cryptographic failure", "", f"{_STATUS}8"),
    (7, 6): Detail("cryptographic algorithm not supported", "", f"{_STATUS}8"),
    (7, 7): Detail("message integrity failure", "", f"{_STATUS}8"),
    (7, 8): Detail("authentication credentials invalid", "535 554", _AUTH),
    (7, 9): Detail("authentication mechanism too weak", "534", _AUTH),
    (7, 10): Detail("encryption needed", "523", "RFC 5248"),
    (7, 11): Detail("encryption required for the mechanism", "524 538", _AUTH),
    (7, 12): Detail("password transition needed", "422 432", _AUTH),
    (7, 13): Detail("user account disabled", "525", "RFC 5248"),
    (7, 14): Detail("trust relationship required", "535 554", "RFC 5248"),
    (7, 15): Detail("priority level too low", "450 550", "RFC 6710"),
    (7, 16): Detail("message too big for its priority", "552", "RFC 6710"),
    (7, 17): Detail("mailbox owner has changed", "5yz", "RFC 7293"),
    (7, 18): Detail("domain owner has changed", "5yz", "RFC 7293"),
    (7, 19): Detail("owner cannot be verified (RRVS)", "5yz", "RFC 7293"),
    (7, 20): Detail("no passing DKIM signature", "550", "RFC 7372 3.1"),
    (7, 21): Detail("no acceptable DKIM signature", "550", "RFC 7372 3.1"),
    (7, 22): Detail("no author-matched DKIM signature", "550", "RFC 7372 3.1"),
    (7, 23): Detail("SPF validation failed", "550", "RFC 7372 3.2"),
    (7, 24): Detail("SPF validation error", "451 550", "RFC 7372 3.2"),
    (7, 25): Detail("reverse DNS validation failed", "550", "RFC 7372 3.3"),
    (7, 26): Detail("several authentication checks failed", "550", "RFC 7372 3.4"),
    (7, 27): Detail("sender address has null MX", "550", "RFC 7505 4.2"),
    (7, 28): Detail("mail flood", "", "IANA registry"),
    (7, 29): Detail("ARC validation failed", "550", "RFC 8617"),
    (7, 30): Detail("REQUIRETLS support required", "550", "RFC 8689"),
}
