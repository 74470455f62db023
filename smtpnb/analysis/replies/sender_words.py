"""Words that say what is wrong with who sends: the host, its name, its sender.

What is here, in `address_words` and in `content_words` is said of one cause only,
whatever code stands before it. The order is part of the table: "to protect our users
from spam, mail from hosts without PTR is rate limited" is about reverse DNS. Words that
many causes share ("denied", "temporarily") are in `rules`, behind the codes.

The reasons are the words of Sisimai (BSD-2-Clause), a vocabulary for bounces that many
know, and one of our own: "greylisted".
"""

from __future__ import annotations

from typing import Final

from smtpnb.analysis.replies.rule import FOR_NOW, Rule, words

SENDER_WORDS: Final = (
    Rule(
        "greylisted(text)",
        "greylisted",
        "greylisted",
        words(
            r"gr[ae]y-?\s?(list|trap)",
            r"postgrey",
            r"unknown triplet|first (contact|time sender)"
            r"|(not|never) (yet )?seen (you|this|your) .{0,16}(before|yet)",
        ),
        only=FOR_NOW,
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
        words(
            r"error: timeout exceeded",
            r"(connection|session|client).{0,20}\bidle\b",
            r"\bidle (for|time|too)",
            r"waiting for (client )?(input|command)|due to inactivity",
        ),
        only=frozenset({421}),
    ),
    Rule(
        "system(temporary)",
        "transient",
        "systemerror",
        words(
            r"due to (a )?temporary (system|server|local) (problem|error|failure)",
            # What a program says of the system that it runs on.
            r"\b\w{3,12}\([^()]{0,200}\) failed|cannot (fork|allocate memory)",
        ),
        only=FOR_NOW,
    ),
    Rule(
        "system(filter is down)",
        "transient",
        "systemerror",
        words(
            r"(scan(ner|ning)?|filter|milter|clamd|spamd|policy (server|service)|ldap"
            r"|database|directory)( (server|service))?\b"
            r".{0,24}\b(fail\w*|unavailable|not available|time?d? ?-?out"
            r"|unreachable|down|busy)\b",
            r"(contact|connect to|reach) .{0,16}(scanner|filter|milter|policy server)",
        ),
        only=FOR_NOW,
    ),
    Rule(
        "recipient(group or mailbox restricted)",
        "policy",
        "policyviolation",
        words(
            r"not authenticated for (group|mailbox)",
            r"sendernotauthenticatedfor",
            r"(restricted|not allowed) to (send|post) to (this|the) (group|list|mailbox"
            r"|recipient)",
            r"allowed[ -]senders? list",
            r"only accepts? (messages|mail) from|external (senders?|users?|mail)\b",
            r"only .{0,24}(members|subscribers|users|senders|employees|owners?)"
            r".{0,16}(may|can|are) |(members?|subscribers?|(local|internal) users?)"
            r" only|resolver\.rst\.notauthori[sz]ed",
            r"recipientrestrictions?|restr-check",
        ),
        r"5\.7\.(12|12[4-9]|13[3-6])$",
    ),
    Rule(
        "tls(not available)",
        "tls",
        "failedstarttls",
        r"tls (is )?(currently |temporarily )?(not available|unavailable)",
        only=FOR_NOW,
    ),
    Rule(
        "tls(certificate)",
        "tls",
        "failedstarttls",
        words(
            r"certificate[ -](validation|expired|host|verif|is (invalid|expired))",
            r"certificate'?s? (has|is|was|does|could|cannot|not)\b",
            r"tlsa|\bdane\b|\bmta-sts\b|(tls|ssl)[ -](negotiation|handshake)",
        ),
        r"[45]\.7\.32[0-9]$",
    ),
    Rule(
        "auth(OAuth)",
        "auth",
        "securityerror",
        words(
            r"basic auth(entication)? (is )?(not supported|disabled|not enabled)",
            r"\bo?auth2? .{0,20}(required|needed)",
            r"xoauth2? .{0,20}(supported|required)",
        ),
        r"5\.7\.139$",
    ),
    Rule(
        "policy(virus)",
        "policy",
        "virusdetected",
        words(
            r"\bvirus|\bviral\b|malware|phish|ransomware|trojan|worm\b|infected",
            r"security issue|malicious|harmful",
            r"(executable|dangerous|prohibited|forbidden|banned) (file|attachment)",
            r"\b(zip|archive|attachment|file)s?\b.{0,24}\bnot (allowed|permitted)",
        ),
    ),
    Rule(
        "policy(sender authentication)",
        "policy",
        "authfailure",
        words(
            r"\b(spf|dkim|dmarc|arc)\b(?!-sig)|\bsender ?id\b|domain ?keys",
            r"(message|mail|sender|domain) (is|was|has) not (been )?authenticated",
            r"unauthenticated (e-?mail|mail|sender|message)|(sender|it) is unauthentic",
            r"authentication (checks?|level|information|results?)\b",
            r"\bspoof|\bforge[dr]",
            r"pretending to be|impersonat",
        ),
        r"[45]\.7\.(2[0-4]|26|509|515)$",
    ),
    Rule(
        "policy(reverse DNS)",
        "policy",
        "requireptr",
        words(
            r"\bptr\b|reverse.?(dns|lookup|resolution|ip|name|host)|\brdns\b|fcrdns",
            r"(find|resolve) your (reverse )?(host ?name|ip|address)",
            r"does not resolve to (its|the sending|your) (ip|address)",
            r"unresolvable (ip|host|address)",
            r"host ?name (is|looks|seems) (too )?generic|generic host ?name",
            r"\brp:rdn\b",  # NetEase's
            r"\bno dns (entry|record) for (your|the) (ip|host)",
        ),
        r"[45]\.7\.25$",
    ),
    # Outlook's, which names the reputation as the reason of its limit.
    Rule(
        "rate_limited(Outlook)",
        "rate_limited",
        "speeding",
        r"rate limitation|exceeded the rate limit",
        r"[45]\.7\.65[01]$",
    ),
    Rule(
        "policy(reputation)",
        "policy",
        "badreputation",
        r"reputation|sender ?(score|base)|poor (sender|ip|domain)|low trust",
    ),
    Rule(
        "policy(block list)",
        "policy",
        "blocked",
        words(
            r"blocked using|(block|black|deny|ban|bypass) ?-?list|dnsb?l|\brbl\b"
            r"|\bxbl\b",
            r"spamhaus|spamcop|barracuda|sorbs|uceprotect|cloudmark|abuseat|surbl|uribl"
            r"|senderscore|proofpoint|mailspike|invaluement|spamrl|abusix|\(bl\)",
            r"banned(?! (content|sender|file|attach))|white ?-?list"
            r"|\b(pbl|sbl|cbl|dbl)\b",
            r"(?<!not )\blisted (on|in|at|by|as)\b",
            r"(your|from) (country|region)|country (restrict|block)|\bgeo-?(ip|block"
            r"|loc|restrict|graph)|\b(hl:(rep|mep)|wm:bl[iu]|dt:rbl)\b",
            r"dynamic(ally assigned)? (ip|address|host|pool)|dynamically assigned"
            r"|residential"
            r"|(address|ip|host)( name)? (is|seems|looks|appears)( to be)? dynamic",
        ),
        r"5\.7\.(511|6\d\d)$",
    ),
    Rule(
        "helo name",
        "policy",
        "blocked",
        words(
            r"\b(helo|ehlo)(host)?\b.{0,40}\b(error|invalid|reject|denied|mismatch|bogus|must"
            r"|fully|forged|does ?n[o']t|not (valid|allowed|accepted|resolve|a )|bad)",
            r"(invalid|bad|bogus|forged|unacceptable|illegal) (helo|ehlo)",
            r"\b(helo|ehlo)\b.{0,24}\b(is (me|us|mine|ours)|says|claims|pretends)",
            r"fully.?qualified (host|domain)|(not|n't) match .{0,20}\b(helo|ehlo)\b",
        ),
    ),
    # What sendmail says of a name in HELO that is none.
    Rule(
        "helo name(sendmail)",
        "policy",
        "blocked",
        r"^invalid domain name",
        codes=frozenset({501}),
        every=True,
    ),
    Rule(
        "tls(needed)",
        "tls",
        "failedstarttls",
        words(
            r"over a tls connection|starttls|\b(tls|ssl)\b.{0,20}(require|need|must"
            r"|mandatory|only|first)",
            r"(require|need|must|use)[a-z]*\b.{0,20}\b(tls|ssl)\b"
            r"|\btls\b(?! sessions?\b)",
            r"encryption (is )?(needed|required)|unencrypted|without ssl",
            r"(secure|encrypted) (connection|channel|session)",
        ),
        codes=frozenset({523, 538}),
    ),
    Rule(
        "policy(relaying)",
        "policy",
        "norelaying",
        words(
            r"\brelay(ing)?( of)?( mail)?( access)?( is| was)?( not)? ?(denied"
            r"|permitted"
            r"|allowed|prohibited|disallowed|forbidden|restricted|rejected|refused"
            r"|supported|disabled|attempt|failed|acl)",
            r"(to|as a|me as( a)?) relay\b(?! limit)",
            r"(unable to|don'?t|do not|does not|not allowed to|denies|for|cannot|can'?t"
            r"|will not|won'?t|no|not|not an open|not a|attempt(ed)? to) relay(ing)?\b",
            r"(not|cannot) forward (mail |messages )?(for|to)|use (me|us|this server) "
            r"to (send|forward)",
            r"rcpthosts|not a (mail )?gateway|mail for this domain is not handled",
            r"domain (is )?not (hosted|handled|served|local|allowed) (here|by|on)",
            r"not (a )?(local|hosted|valid local) domain|not our domain",
            r"not permitted to relay|relay from (your|this)|relay check|check relay"
            r"|open ?relay check|(not?|n't) (handle|host|serve|accept) (e-?mail|mail"
            r"|messages) for",
            r"\bno longer (hosted|handled) (here|by)"
            r"|not responsible for (this )?domain",
            # Haraka's, where nothing took the recipient for one of its own.
            r"^i cannot deliver mail for\b",
        ),
    ),
    Rule(
        "auth(text)",
        "auth",
        "securityerror",
        words(
            r"auth(entication)? (is )?(required|needed|failed|failure|unsuccessful"
            r"|credentials|mechanism|aborted|rejected|denied|disabled|not enabled"
            r"|exchange|cancell?ed|succe)",
            r"(turn on|enable|use) (smtp )?auth|(must|please|not|to"
            r"|and) authenticate\b",
            r"authentication (server|service|backend|daemon)\b|\bsign in\b"
            r"|(requires?|needs?) (smtp )?auth",
            r"\bnot (been )?authenticated\b|must be authenticated"
            r"|\bauthenticate (first|before|yourself)",
            r"auth(entication)? (first|error|type)|authrequired",
            r"(can'?t|cannot|could not|unable to) auth|(was|is|are"
            r"|be) not authenticate",
            r"(not|must|need).{0,12} logged[ -]in|(please|must|you) log ?in\b",
            r"(?<!relay )(log ?in (failed|failure|attempts|denied|incorrect|required)"
            r"|password"
            r"|credentials|username)\b(?!.{0,20}relay)",
            r"smtp[- ]auth\b|application[- ]specific|identity changes?",
            r"pop (before|b4) smtp|check your mail first",
        ),
    ),
    Rule(
        "policy(said)",
        "policy",
        "policyviolation",
        r"policy ?violation|violat\w+ .{0,20}polic(y|ies)",
    ),
)
