"""The rules by which a refusal is classified: a table, read from top to bottom.

A rule looks at the reply code, the enhanced status code and the text of a refusal (4yz
or 5yz), without its addresses and digits. The first that applies decides. Text comes
before codes where servers are known to use a code for something else: 554 5.7.1 is said
of spam, of relaying, and of a user who is not there.

The reasons are the words of Sisimai (BSD-2-Clause), a vocabulary for bounces that many
know, and one of our own: "greylisted".

This module knows nothing of frames: `classify` applies the rules.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Rule(NamedTuple):
    """What a refusal may look like, and what it then is.

    A rule applies if the code, the enhanced status code *or* the text is as it says;
    with `every` set, only if all that it names are.

    Attributes:
        name: The evidence.
        retry_class: The class; "" is transient for 4yz and permanent for 5yz.
        reason: In one word.
        text: A pattern somewhere in the text, in lower case.
        enhanced: A pattern for the enhanced status code, from its start.
        codes: Reply codes.
        only: Reply codes, or their first digits, outside of which it never applies.
        every: Whether all that is named must be so.
    """

    name: str
    retry_class: str
    reason: str
    text: str = ""
    enhanced: str = ""
    codes: frozenset[int] = frozenset()
    only: frozenset[int] = frozenset({4, 5})
    every: bool = False

    def applies(self, code: int, enhanced: str, text: str) -> bool:
        """Return whether a refusal is what this rule is about."""
        if code not in self.only and code // 100 not in self.only:
            return False
        found = [
            bool(re.search(self.text, text)) if self.text else None,
            bool(re.match(self.enhanced, enhanced)) if self.enhanced else None,
            code in self.codes if self.codes else None,
        ]
        known = [one for one in found if one is not None]
        return all(known) if self.every else any(known)


_FOR_NOW: Final = frozenset({4})
_FOR_GOOD: Final = frozenset({5})
_LATER: Final = frozenset({450, 451})
_SIZE: Final = (
    r"\b(message|mail|size|header|attachment|content)\b(?!box).{0,40}"
    r"\b(too (big|large)|(?<!queue )too long)|too much mail data"
    r"|\b(message|attachment|header)s? (size|length)\b.{0,30}exceed"
    r"|exceed.{0,30}\b(message|header) (size|length)|exceeds.{0,20}\bsize"
    r"|\bsize (of (the |this )?(message|mail) )?exceeds"
)

RULES: Final = (
    Rule(
        "greylisted(text)",
        "greylisted",
        "greylisted",
        r"gr[ae]y-?\s?list|postgrey",
        only=_FOR_NOW,
    ),
    # Exchange Online says so to hosts it does not know yet.
    Rule("greylisted(4.7.500)", "greylisted", "greylisted", "", r"4\.7\.500$"),
    # X.4.2 "bad connection" is what Postfix says of a client that says nothing.
    Rule(
        "silent too long",
        "network",
        "networkerror",
        r"time?d? ?-?out|\bidle\b|waiting for (client )?(input|command)|inactivity",
        r"4\.4\.2$",
        only=frozenset({421}),
        every=True,
    ),
    Rule(
        "silent too long(text)",
        "network",
        "networkerror",
        r"error: timeout exceeded|(connection|session|client).{0,20}\bidle\b"
        r"|\bidle (for|time)|waiting for (client )?(input|command)",
        only=frozenset({421}),
    ),
    # Words decide before codes where servers use a code for something else.
    Rule(
        "recipient(group or mailbox restricted)",
        "policy",
        "policyviolation",
        r"not authenticated for (group|mailbox)|sendernotauthenticatedfor",
        r"5\.7\.(12|13[346])$",
    ),
    Rule(
        "recipient disabled",
        "",
        "suspend",
        r"\b(recipient|user|account|mailbox)\b.{0,40}"
        r"\b(disabled|suspended|deactivated|inactive|is blocked|been blocked)\b"
        r"|(disabled|suspended|inactive) (recipient|user|account|mailbox)"
        r"|not pop(p)?ed for",
    ),
    Rule(
        "busy",
        "transient",
        "systemerror",
        r"(mailbox|account|user).{0,20}(temporarily )?(locked|busy|in use)",
        only=_FOR_NOW,
    ),
    Rule(
        "command line",
        "permanent",
        "syntaxerror",
        r"command line too long|(unrecognized|unknown|invalid) commands?\b",
        only=_FOR_GOOD,
    ),
    Rule(
        "tls(not available)",
        "tls",
        "failedstarttls",
        r"tls not available|certificate validation|tlsa|\bdane\b"
        r"|over a tls connection",
    ),
    Rule(
        "system(temporary)",
        "transient",
        "systemerror",
        r"due to (a )?temporary (system|server|local) (problem|error|failure)",
        only=_FOR_NOW,
    ),
    Rule(
        "auth(OAuth)",
        "auth",
        "securityerror",
        r"basic authentication is (not supported|disabled)",
    ),
    Rule(
        "recipient unknown(Microsoft)",
        "permanent",
        "userunknown",
        r"recipient address rejected: access denied",
        r"5\.4\.1$",
        every=True,
    ),
    Rule(
        "policy(virus)",
        "policy",
        "virusdetected",
        r"\bvirus|malware|phish|security issue|ransomware",
    ),
    Rule(
        "policy(sender authentication)",
        "policy",
        "authfailure",
        r"\b(spf|dkim|dmarc|arc)\b|sender ?id\b|unauthenticated (e-?mail|mail|sender)"
        r"|sender is unauthenticated",
        r"[45]\.7\.(2[0-4]|26|29)$",
    ),
    Rule(
        "tls(text or code)",
        "tls",
        "failedstarttls",
        r"starttls|\btls\b|encryption (is )?(needed|required)|unencrypted|without ssl",
        r"[45]\.7\.(10|11|30)$",
        frozenset({523, 538}),
    ),
    Rule(
        "auth(code)",
        "auth",
        "securityerror",
        "",
        r"[45]\.7\.(8|14)$",
        frozenset({432, 530, 534, 535}),
    ),
    Rule(
        "auth(text)",
        "auth",
        "securityerror",
        r"authentication (is )?(required|needed|failed|failure|unsuccessful)"
        r"|(turn on|enable|use) (smtp )?auth|must be authenticated"
        r"|auth(entication)? (first|error|type)|authrequired"
        r"|(can'?t|cannot|could not|unable to) auth|not authenticated"
        r"|(login|log in|password|credentials)\b(?!.{0,20}relay)",
    ),
    Rule(
        "policy(relaying)",
        "policy",
        "norelaying",
        r"relay(ing)? (access )?(is )?(denied|not permitted|not allowed|prohibited"
        r"|disallowed)|(to|as a|me as( a)?) relay\b"
        r"|(unable to|don'?t|do not|not allowed to|denies|for) relay\b|rcpthosts",
    ),
    Rule(
        "policy(reverse DNS)",
        "policy",
        "requireptr",
        r"\bptr\b|reverse.?dns|\brdns\b|(find|resolve) your (reverse )?host ?name",
        r"[45]\.7\.25$",
    ),
    Rule(
        "network(loop)",
        "network",
        "networkerror",
        r"\bhops?\b|mail(ing)? ?loop|routing loop|looping|loops back",
        r"[45]\.4\.6$",
    ),
    Rule(
        "rate_limited(connections)",
        "rate_limited",
        "toomanyconn",
        r"(too (many|frequent)|concurrent|maximum).{0,30}(connect|session)"
        r"|(connection|session)s? (rate )?limit",
    ),
    Rule("misconfigured", "", "systemerror", r"config(uration)? error", r"5\.3\.5$"),
    Rule(
        "recipients",
        "rate_limited",
        "speeding",
        r"too many recipients|\d+ recipients (max|at most)",
        r"[45]\.5\.3$",
    ),
    Rule(
        "rate_limited(text or code)",
        "rate_limited",
        "speeding",
        r"rate.?limit|throttl"
        r"|too (many|much(?! mail data)|fast|frequent|quick)(?! hops)"
        r"|excessive"
        r"|slow(er|ing)? down|again slower|at a rate|unusual rate|unexpected volume"
        r"|(message|sending|daily|hourly) quota|quota for sending"
        r"|(frequency|rate) (is )?limited|per (hour|minute|day)\b|in \d+ minutes",
        r"([45]\.7\.28)$",
    ),
    Rule(
        "mailbox full",
        "",
        "mailboxfull",
        r"over.?quota|(mailbox|inbox|account|storage|user).{0,40}(full|quota)"
        r"|quota exceeded \(|(out of|exceeded|exhausted).{0,20}storage"
        r"|disk quota|mailbox (size )?limit|^e-?mail quota exceeded",
        r"[45]\.2\.2$",
    ),
    Rule("size", "", "mesgtoobig", _SIZE, r"[45]\.(2\.3|3\.4)$"),
    Rule(
        "rate_limited(limit)",
        "rate_limited",
        "exceedlimit",
        r"(limit|quota|maximum).{0,30}(exceed|reach)|(exceed|reach).{0,30}(limit|quota)"
        r"|max(imum)? (number of )?(messages?|recipients?)",
    ),
    # Yahoo's and others' word for "not so fast".
    Rule(
        "rate_limited(deferred)",
        "rate_limited",
        "speeding",
        r"temporarily deferred",
        only=frozenset({421}),
    ),
    Rule(
        "policy(sender)",
        "policy",
        "rejected",
        r"badmailfrom|sender (address )?rejected: access denied"
        r"|sender domain must exist|sender has no (a|mx)\b",
    ),
    Rule(
        "sender refused",
        "",
        "rejected",
        r"sender (address )?(is )?rejected|sender domain|domain of sender",
        r"[45]\.1\.[78]$",
    ),
    Rule(
        "user unknown",
        "",
        "userunknown",
        r"(user|recipient|mailbox|address|account).{0,40}"
        r"(unknown|not found|doesn'?t exist|does not exist|doesn'?t have a)"
        r"|(unknown|no such|invalid) (user|recipient|mailbox|address)"
        r"|not in (the )?recipient list|(invalid|bad)[- ]recipient|mailbox unavailable"
        r"|recipient address rejected: (inactive|invalid)"
        r"|(user|recipient|mailbox|address) (does )?not exist"
        r"|not a valid (user|address)"
        r"|(recipient|user|mailbox) (denied|unrecogni[sz]ed)|^address rejected"
        r"|no mailbox here|unroute?able address|undeliverable address",
        r"5\.(1\.1|2\.4)$",
    ),
    Rule("policy(reputation)", "policy", "badreputation", r"reputation"),
    Rule(
        "policy(block list)",
        "policy",
        "blocked",
        r"blocked using|(block|black).?list|dnsbl|\brbl\b|spamhaus|banned(?! content)"
        r"|white ?list"
        r"|\blisted (on|in|at|by)\b|(client host|helo command) rejected|dynamic ip",
    ),
    Rule(
        "policy(spam)",
        "policy",
        "spamdetected",
        r"\bspam|unsolicited|message filtered|suspicious|junk ?mail|bulk mail",
    ),
    Rule("policy(blocked)", "policy", "blocked", r"\bblock(ed|ing)?\b"),
    Rule(
        "policy(RFC 5322)",
        "policy",
        "notcompliantrfc",
        r"compliant|duplicate header",
        r"[45]\.7\.",
        every=True,
    ),
    Rule("RFC 5322", "", "notcompliantrfc", r"compliant|duplicate header"),
    Rule(
        "syntax",
        "permanent",
        "syntaxerror",
        "",
        r"5\.5\.[124]$",
        frozenset({500, 501, 502, 503, 504, 555}),
        only=frozenset({5}),
    ),
    # A cause of their own is no greylisting.
    Rule(
        "greylisted(likely)",
        "greylisted",
        "greylisted",
        r"^(?!.*(unavailable|error|system|locked|resource|busy))"
        r".*(try (again )?later|temporar|defer)",
        r"4\.(2\.0|7\.[01])$",
        only=_LATER,
        every=True,
    ),
    Rule(
        "system(text)",
        "",
        "systemerror",
        r"temporary (server|system|service|local) (error|problem|failure)"
        r"|internal (server )?error|service unavailable|closing connection",
        only=_FOR_NOW,
    ),
    # X.7.0 is "other" (RFC 3463 section 3.8): with 421 and no word of a cause it says
    # no more than the code.
    Rule(
        "closing",
        "transient",
        "systemerror",
        r"try (again|reconnecting)",
        r"4\.7\.0$",
        only=frozenset({421}),
        every=True,
    ),
    Rule(
        "policy(text)",
        "policy",
        "policyviolation",
        r"polic(y|ies)|access denied|not authori[sz]ed|forbidden|prohibited"
        r"|command rejected|message refused",
    ),
    Rule("policy(code)", "policy", "policyviolation", "", r"[45]\.7\."),
    Rule("moved", "", "hasmoved", r"has (moved|been replaced)", r"[45]\.1\.6$"),
    Rule(
        "host unknown",
        "",
        "hostunknown",
        r"(host|domain).{0,20}(unknown|not found|does not exist|not reachable)"
        r"|invalid domain|does not exist"
        r"|(unknown|no such) (host|domain)",
        r"[45]\.1\.2$",
    ),
    Rule(
        "suspended",
        "",
        "suspend",
        r"inactive|account (is )?closed|suspend|disabled|deactivated"
        r"|discontinued|\blocked",
        r"[45]\.2\.1$",
    ),
    Rule(
        "accepts no mail",
        "",
        "notaccept",
        r"not accept(ing)? (mail|messages)\b|null mx",
        r"5\.(1\.10|3\.2)$",
        frozenset({521, 556}),
        only=_FOR_GOOD,
    ),
    Rule(
        "system full",
        "",
        "systemfull",
        r"disk (space|full)|insufficient (system )?(storage|disk)|system full",
        r"[45]\.3\.1$",
    ),
    Rule(
        "content",
        "",
        "contenterror",
        r"malformed|improperly|content (was |is )?(rejected|refused)"
        r"|(banned|prohibited) content",
        r"[45]\.6\.",
    ),
    Rule("name service", "transient", "networkerror", r"\bdns\b", only=_FOR_NOW),
    Rule(
        "congestion",
        "",
        "systemerror",
        r"server (is )?busy|congest",
        r"[45]\.4\.5$",
    ),
    Rule("expired", "network", "expired", r"(time|retry).{0,10}expired", r"[45]\.4\.7"),
    Rule(
        "network(text or code)",
        "network",
        "networkerror",
        r"time?d? ?-?out|no route|connection (refused|reset|lost|dropped)",
        r"[45]\.4\.",
    ),
    Rule(
        "system",
        "",
        "systemerror",
        r"internal|temporar|local (problem|error)|system (problem|error)"
        r"|unavailable|out of memory|lookup",
        r"[45]\.3\.",
    ),
)
