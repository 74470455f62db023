"""The rules by which a refusal is classified: a table, read from top to bottom.

A rule looks at the reply code, the enhanced status code and the text of a refusal (4yz
or 5yz). The first that applies decides:

1. words that name a cause (`sender_words`, `address_words`, `content_words`, and in
   other languages `language_words`),
2. codes that name one: 5.1.1, 5.2.2, 535,
3. words that many causes share: "denied", "try again later",
4. codes that name a subject only: X.7.1, X.4.Z; last what RFC 5321 section 4.2.3 says
   of a reply code alone.

Text stands before codes because servers are known to use a code for something else:
554 5.7.1 is said of spam, of relaying, and of a user who is not there. Codes stand
before vague words because 5.1.1 "access denied" is an unknown user.

This module knows nothing of frames: `classify` applies the rules.
"""

from __future__ import annotations

from typing import Final

from smtpnb.analysis.replies.address_words import ADDRESS_WORDS
from smtpnb.analysis.replies.content_words import CONTENT_WORDS
from smtpnb.analysis.replies.language_words import LANGUAGE_WORDS, VAGUE_LANGUAGE_WORDS
from smtpnb.analysis.replies.rule import FOR_GOOD, FOR_NOW, Rule, words
from smtpnb.analysis.replies.sender_words import SENDER_WORDS

COME_BACK: Final = "come back"
_COME_BACK_CODES: Final = frozenset({421, 450, 451})

SHARP_CODES: Final = (
    # Exchange Online's words for a recipient who is not there.
    Rule(
        "recipient unknown(Microsoft)",
        "permanent",
        "userunknown",
        r"access denied|recipient",
        r"5\.(4\.1|7\.504)$",
        every=True,
    ),
    Rule("mailbox full(code)", "transient", "mailboxfull", "", r"[45]\.2\.2$"),
    Rule("size(code)", "", "mesgtoobig", "", r"[45]\.(2\.3|3\.4|7\.16)$"),
    Rule("network(loop code)", "network", "networkerror", "", r"[45]\.4\.(6|14)$"),
    Rule("recipients(code)", "rate_limited", "speeding", "", r"[45]\.5\.3$"),
    Rule("moved(code)", "", "hasmoved", codes=frozenset({551})),
    Rule("user unknown(code)", "", "userunknown", "", r"[45]\.1\.[134]$"),
    Rule("null MX", "", "notaccept", "", r"[45]\.1\.10$", frozenset({556})),
    Rule("sender null MX", "policy", "rejected", "", r"[45]\.7\.27$"),
    Rule("policy(ARC)", "policy", "authfailure", "", r"[45]\.7\.29$"),
    Rule("suspended", "", "suspend", "", r"5\.2\.1$"),
    Rule(
        "auth(code)",
        "auth",
        "securityerror",
        "",
        r"[45]\.7\.(8|14)$|4\.7\.12$",
        frozenset({432, 530, 534, 535}),
    ),
    Rule(
        "sequence(code)",
        "",
        "syntaxerror",
        "",
        r"5\.5\.",
        frozenset({503}),
        every=True,
    ),
    Rule("not implemented", "", "syntaxerror", "", codes=frozenset({502})),
    Rule("tls(code)", "tls", "failedstarttls", "", r"[45]\.7\.(10|11|30)$"),
    Rule("accepts no mail(code)", "", "notaccept", "", r"5\.3\.2$", frozenset({521})),
    Rule("system full(code)", "transient", "systemfull", "", r"[45]\.3\.1$"),
    Rule("misconfigured", "", "systemerror", r"config(uration)? error", r"5\.3\.5$"),
    Rule("congestion", "transient", "systemerror", "", r"[45]\.4\.5$"),
    Rule("expired", "network", "expired", "", r"[45]\.4\.7$"),
)

VAGUE_WORDS: Final = (
    Rule(
        "expired(text)",
        "network",
        "expired",
        words(
            r"(time|retry|attempts).{0,16}(expired|exceeded)",
            r"in (the )?queue too long|giving up|gave up|too old",
            r"deliver\w* .{0,16}\b(in time|within)\b",
            r"message (has |was )?(expired|timed? ?-?out)|(days|hours) in (the )?queue",
        ),
    ),
    Rule(
        "system full",
        "transient",
        "systemfull",
        words(
            r"(disk|device|system|server|spool|queue|file ?system).{0,20}(full|space)",
            r"(insufficient|not enough|out of|no) .{0,16}(storage|space|disk|inodes)\b",
        ),
    ),
    # Yahoo's and others' word for "not so fast".
    Rule(
        "rate_limited(deferred)",
        "rate_limited",
        "speeding",
        r"temporarily (deferred|rate|blocked|limited)",
        only=frozenset({421}),
    ),
    # Said by greylisting servers, and by others (RFC 6647): what comes of the next
    # attempt can tell (`attempts`), the text alone cannot.
    Rule(
        COME_BACK,
        "transient",
        "systemerror",
        r"^(?!.*(unavailable|error|system|locked|resource|busy|server))"
        r".*(\blater\b|come back|retry|temporar|defer|try reconnect)",
        r"4\.(2\.0|7\.[01])$",
        only=_COME_BACK_CODES,
        every=True,
    ),
    Rule(
        "policy(blocked)",
        "policy",
        "blocked",
        r"\bblock(ed|ing)?\b|black ?(hole|ip\b|mail\b)|\bbanned\b",
    ),
    Rule(
        "rate_limited(limit)",
        "rate_limited",
        "exceedlimit",
        words(
            r"(limit|quota|maximum).{0,30}(exceed|reach)",
            r"(exceed|reach).{0,30}(limit|quota)|max(imum)? (number of )?messages?",
        ),
    ),
    Rule(
        "name service",
        "transient",
        "networkerror",
        words(
            r"\bdns\b|name (service|server)|(host|domain|mx|address) lookup",
            r"(resolv|look ?up|look).{0,20}(host|domain|mx)",
        ),
        only=FOR_NOW,
    ),
    Rule(
        "network(text)",
        "network",
        "networkerror",
        words(
            r"time?d? ?-?out|no route|connection (lost|dropped|reset|died|closed by"
            r"|expired|timed)|allow\w* (connection|session) time",
            r"connection refused|(failed|unable|could not|cannot|can'?t) (to )?connect",
            r"(unable to|could not|cannot|can'?t) (contact|reach)|(socket|read) error"
            r"|host (is )?down|(not|un) ?reachable|no answer from"
            r"|remote (host|server) (said|error|clos)",
        ),
    ),
    Rule(
        "system(text)",
        "transient",
        "systemerror",
        words(
            r"internal|temporar(y|ily)?\b|temporal|local (problem|error|policy error)",
            r"(system|server|service|software|processing|database|ldap|lookup|backend"
            r"|resource|script|filter|i/o|queue|file|write|mailer).{0,20}\b(error"
            r"|problem"
            r"|fail|unavailable|not available|busy|overload|down|exhaust|insufficient"
            r"|limit|maintenance)",
            r"unavailable|out of memory|overload|too busy|server busy|congest"
            r"|lookup|could not (load|open|lock|create|complete|process)|maintenance"
            r"|replicat|shutting down"
            r"|problem occurred|please retry|try reconnecting|licen[cs]e (has )?expired"
            r"|not mounted|requested (mail )?action (aborted|not taken)",
        ),
        only=FOR_NOW,
    ),
    Rule(
        "system(said of 5yz)",
        "transient",
        "systemerror",
        words(
            r"internal (server |system |software )?(error|failure|problem)"
            r"|temporary (system|server|local|problem|error|failure)",
            r"try (again )?later|(system|processing) (error|problem|failure)"
            r"|mailer error|cannot create output"
            r"|(server|service) (is )?(busy|overload)|local (problem|error)"
            r"|out of memory|resources? (temporarily )?(unavail|not avail)",
        ),
        only=FOR_GOOD,
    ),
    Rule(
        "policy(text)",
        "policy",
        "policyviolation",
        words(
            r"not .{0,12}authori[sz]ed sender|polic(y|ies)"
            r"|by (the |an )?(administrator|postmaster)\b"
            r"|access (is )?denied|not (authori[sz]ed|permitted|allowed"
            r"|wanted|welcome)|(no|not have) (access for|permi(t|ssion))|forbidden"
            r"|prohibited|\byou (can|may) only"
            r"|restricted|administrative"
            r"|disallowed|denied by",
            r"(command|message|mail|e-?mail|transaction|delivery|content|data"
            r"|session)s?"
            r" (was |is |were |has been |have been |not )?(been )?(rejected|refused"
            r"|denied|discarded|accepted by|accepted for)",
            r"\breject(ed|ing)?\b|\bdeclined\b|refused|not accepted"
            r"|we do not accept|dropped"
            r"|unacceptable|access to this|unauthori[sz]ed|\bdenied\b|complain",
        ),
    ),
    Rule(
        "user unknown(vague)",
        "",
        "userunknown",
        words(
            r"(mail ?box|recipient|user|account|address)( 0)? (is )?(unavailable"
            r"|not available|not allowed|name not|disallow)",
            r"(does ?n[o']t|do(es)? not|no longer|not) exist|unknown|not found"
            r"|no such|undeliverable|not deliverable|unroutable|inexist"
            r"|do(es)?( not|n't) know|(can'?t|cannot|could not|unable to) deliver"
            r" (mail |messages? )?(for|to) ",
        ),
        only=FOR_GOOD,
    ),
    *VAGUE_LANGUAGE_WORDS,
)

VAGUE_CODES: Final = (
    Rule("policy(code)", "policy", "policyviolation", "", r"[45]\.7\."),
    Rule(
        "syntax",
        "permanent",
        "syntaxerror",
        "",
        r"5\.5\.[1245]$",
        frozenset({500, 501, 502, 503, 504, 555}),
        only=FOR_GOOD,
    ),
    Rule("address(code)", "", "userunknown", "", r"5\.1\.", only=FOR_GOOD),
    Rule("network(code)", "network", "networkerror", "", r"[45]\.4\."),
    Rule("system(code)", "", "systemerror", "", r"[45]\.3\."),
    # What RFC 5321 section 4.2.3 means by a reply code, where nothing else is said.
    Rule("code(421, 451)", "", "systemerror", codes=frozenset({421, 451})),
    Rule("code(452)", "", "systemfull", codes=frozenset({452})),
    Rule("code(454)", "tls", "failedstarttls", codes=frozenset({454})),
    Rule("code(552)", "transient", "mailboxfull", codes=frozenset({552})),
    Rule("code(553)", "", "userunknown", codes=frozenset({553})),
)

SHARP_WORDS: Final = (
    *SENDER_WORDS,
    *ADDRESS_WORDS,
    *CONTENT_WORDS,
    *LANGUAGE_WORDS,
)
RULES: Final = (*SHARP_WORDS, *SHARP_CODES, *VAGUE_WORDS, *VAGUE_CODES)
