"""Words that say what is wrong with a message, or with a command.

The last of the sharp words: a host that is refused for no reason more exact stands at
the end.
"""

from __future__ import annotations

from typing import Final

from smtpnb.analysis.replies.rule import Rule, words

_BROKEN: Final = words(
    r"compliant|(duplicate|missing|invalid|bad|multiple|malformed|illegal)\b"
    r".{0,30}\bheaders?\b|header.{0,20}(missing|duplicate|malformed|invalid"
    r"|error|syntax|too)",
    r"multiple (from|addresses)|(missing|no|invalid|bad|duplicate) (from|date"
    r"|message-id)(:| header| field|$)|rfc ?-?5322|rfc ?-?2822|rfc ?-?822\b"
    r"|line (is )?too long",
    r"\bno (to|cc|from|date|subject)\b.{0,24}\bheaders?\b|headers? not (found|present)"
    r"|too many (mime )?(parts|headers)",
    r"from: header|(bare|lone|stray) (lf|cr|newline|line ?feed)|smtplf",
)
_NOT_THIS: Final = words(
    r"(message |mail )?content (was |is )?(not )?(rejected|refused|denied|accepted)",
    r"(banned|prohibited|rejected|objectionable|unacceptable) content",
    r"(due to|because of) (its |the |message )?content|content restriction",
    r"(invalid|bad) (message )?content",
)

CONTENT_WORDS: Final = (
    Rule(
        "policy(spam)",
        "policy",
        "spamdetected",
        words(
            r"\bspam(?!haus|cop|rl)|anti-?spam|unsolicited|junk|bulk (e-?)?(mail|send)"
            r"|\badvertis(ement|ing)\b",
            r"message filtered|\bsuspicio(us|n)\b|\bsuspect(ed|s)?\b|bayes"
            r"|\b(ube|uce)\b|\b(dt:sp[mb]|mi:spb)\b"
            r"|spamexception",
            r"content filter|rejected by (the )?(content|filter)|filter(ed|s)? (by|as)",
            r"(url|link|uri)s? in (the |your )?(message|body)|blacklisted (url|link)",
            r"(body|content) of (the )?message (generated|contain)",
            r"(subject|body|message|content)\b.{0,8}contain\w* .{0,16}\b(words?"
            r"|phrases?)",
        ),
    ),
    Rule(
        "policy(RFC 5322)",
        "policy",
        "notcompliantrfc",
        _BROKEN,
        r"[45]\.7\.",
        every=True,
    ),
    Rule("RFC 5322", "", "notcompliantrfc", _BROKEN),
    Rule(
        "policy(content)", "policy", "contenterror", _NOT_THIS, r"[45]\.7\.", every=True
    ),
    Rule(
        "content",
        "",
        "contenterror",
        words(
            r"malformed|improper(ly)? (format|encod|use of)|\bmime\b|char(acter )?set",
            _NOT_THIS,
            r"8-?bit|non-?ascii|smtputf8|internationali[sz]ed",
        ),
        r"[45]\.6\.",
    ),
    Rule(
        "syntax(text)",
        "",
        "syntaxerror",
        words(
            r"syntax|synchroni[sz]ation|protocol (violation|error)|(command|parameter"
            r"|verb|option)s? .{0,12}(unrecogni|not (recogni"
            r"|implemented|supported|understood)|unknown|unimplemented|invalid)",
            r"(bad|improper|wrong|invalid) (command )?sequence|out of (order|sequence)",
            r"(need|send|issue|without|expect\w*|give|after|use|before) (an? )?(mail"
            r"|rcpt|helo|ehlo|data)\b(.{0,16}(first|command|before)|[ .!:]*$)",
            r"\b(mail|rcpt|helo|ehlo)( from| to)?:? (first|command required)|polite",
            r"(nested|second|duplicate|already).{0,12} mail|sender already",
            r"too many\b.{0,24}\b(errors?|commands?)\b",
            r"(missing|invalid|unsupported|illegal|bad|extra) (argument|parameter"
            r"|option|character|address (format|syntax))",
        ),
    ),
    Rule(
        "policy(host)",
        "policy",
        "blocked",
        words(
            r"\b(ip|network|subnet|range|client|((your|this|the sending) (mail )?"
            r"(host|server|connection|domain)))( address)?\b.{0,40}\b(block|banned"
            r"|reject|den(y|ied)|refus|black"
            r"|restrict|not (allowed|permitted|accepted|welcome))",
            r"\b(block|ban|reject|refus|den)(ed|ied|ing|y)? .{0,20}\b(your |this "
            r"|the )?"
            r"(sending )?(ip|host|network|server)\b",
            r"\([a-z]{2,4}:[a-z]{1,3}\d?\)",  # AOL's: (RTR:BL), (DYN:T1)
            r"mail from \[?\d+\..{0,24}(not|refus|reject|den)|connection refused from"
            r"|permanently deferred",
            r"^connection refused(?!.*socket)|(not|n't) (currently )?(accept|tak)\w* "
            r"(mail|messages|connections) from (your|this) "
            r"|connections? from (your|this) (host|ip|network|server)s? "
            r"(is|are) (denied|refused|blocked|not)",
            r"refused? (your )?connection|no mail accepted from"
            r"|bad (ip|host)"
            r"|messages? from .{0,40}\b(was|were) ?n[o']?t (sent|delivered)"
            r"|abuse from|invalid ip|dial-?up|problem occurred. .ask your postmaster"
            r"|may not be mail exchanger|dictionary attack|harvest"
            r"|\bip (address )?check|\bip (is |was )?(hang ?up|held)"
            r"|block(ed)? (temporarily|permanently)",
            r"\bfor (a )?(null|empty) sender",
            r"(bounces?|null sender|null return).{0,24}\b(not|never|refuse|reject)",
        ),
    ),
)
