"""Words that say what is wrong with an address, a mailbox, or how much it is sent.

Servers call one mailbox by many names, and say in many ways that it is full, closed or
not there.
"""

from __future__ import annotations

from typing import Final

from smtpnb.analysis.replies.rule import FOR_GOOD, FOR_NOW, Rule, words

# Who a sentence is about. Servers call one mailbox by many names.
_MAILBOX: Final = (
    r"(?<!our )(user|recipient|mail ?box|e?-?mail account|account|address(ee)?"
    r"|in ?box|alias|customer|rcpt[ -]to|local[ -]?part|person|member|subscriber"
    r"|mail ?drop|user (path|status)|mailaddress)"
)
_SENDER: Final = (
    r"(senders?|mail ?from(?! \[?\d+\.)|from (address|domain)|originator"
    r"|return[ -]?path|envelope"
    r"|reverse[ -]?path|sending domain)"
)
_SENDER_REFUSED: Final = words(
    rf"{_SENDER}\b.{{0,24}}\b(rejected|refused|denied|unknown|invalid"
    r"|not (found|allowed|valid|exist|accepted|verif|permitted)|does ?n[o']t|unverified"
    r"|disallowed|mismatch\w*|verif\w+ (failed|fail))",
    r"(invalid|unknown|bad|unverified|unroutable|illegal|missing|fake) sender",
    r"\bno (valid )?mx\b.{0,40}\bsender|reply to (this|the|your) sender",
    rf"{_SENDER}\b.{{0,16}}\b(unvalid|(cannot|can't|could not|not) be (verif|valid))",
    r"sender (domain|verify|verification|callout)|domain of (the )?sender",
    r"(verify|verification|callout).{0,20}sender",
    r"domain (of|in) (the )?(mail from|envelope|return)",
    r"identit(y|ies) failed|(callout|callback) (verification |setup )?fail",
)

ADDRESS_WORDS: Final = (
    Rule(
        "network(loop)",
        "network",
        "networkerror",
        words(
            r"\bhops?\b|hop ?count|mail(ing)? ?loop|routing loop|looping|loops? back",
            r"loop detected|too many received|\bloop\b|\bpoints? back to",
        ),
    ),
    Rule(
        "mailbox full",
        "transient",
        "mailboxfull",
        words(
            r"(?<!sending )(?<!message )over.?(the )?(disk |mail"
            r"|storage |message )?(box )?quota",
            r"(mail ?box|in ?box|mail ?folder|account|storage|mail ?drop|user)('s)?"
            r"(?!.{0,24}(policy|send\b|sending|daily|hourly|relay|smtp)).{0,40}"
            r"\b(is full|full\b|quota|over.?limit|exhausted)",
            r"\bfull mail ?box|mail ?box space|quota (is )?(full|exceeded \()"
            r"|\bquota:? full",
            r"(out of|exceed\w*|exhausted|insufficient|not enough) .{0,20}"
            r"(storage|mail ?box)(?! for).{0,12}(space|alloc|quota|limit|size|$)",
            r"(out of|insufficient|not enough|no) (mailbox|user|storage) (space"
            r"|storage)",
            r"exhausted allowed storage",
            r"(disk|storage|mail ?box|mail) ?quota\b",
            r"mail ?box\b(?!.{0,30}send).{0,30}(size|limit) ?(limit)?.{0,20}exc?eed",
            r"(?<!connection )(?<!sending )(?<!daily )(?<!hourly )(?<!send )"
            r"\bquota (violat|reach|limit)|storage allocation"
            r"|mail ?box (size )?limit|exceed.{0,30}mail ?box|^e-?mail quota exceeded",
            r"(has|have|is|would|will) exc?eed(ed|s)? (his|her|its|their|the)? ?"
            r"(disk|mail ?box|storage|account) ",
            r"too many messages (on|in) (the |this |your |his )?(user|mail|in ?box"
            r"|folder|account|spool|disk)|(?<!submission)quotaexceed|mail ?box ?full"
            r"|exceeded storage|shutoffquota",
            r"(mail ?box|account|user|storage).{0,12}\b(capacity|storage limit"
            r"|allocation)",
            r"(mail ?box|in ?box|mail ?folder|storage) (has |is )?(reached|hit|at|over"
            r"|above|beyond|exceeded|exceeds) (its|the|their) (limit|quota|size"
            r"|maximum|capacity)|(in ?box|mail ?box) cannot (take|hold|accept)"
            r" (any )?more",
            r"quota exceed\w* the|\b(hard|soft) (quota|limit)",
            r"(mail ?box|in ?box|account).{0,12}exceed\w* (its|the|his|their)? ?(size"
            r"|storage|allocated|maximum|mail ?box)",
        ),
    ),
    Rule(
        "command line",
        "permanent",
        "syntaxerror",
        r"command line too long|(unrecogni[sz]ed|unknown|invalid) commands?\b",
        only=FOR_GOOD,
    ),
    Rule(
        "size",
        "",
        "mesgtoobig",
        words(
            r"\b(message|mail|size|attachment|content)\b(?! header)(?!box).{0,40}"
            r"\b(too (big|large)|(?<!queue )too long|larger than|bigger than)",
            r"\b0 ?[kmg]i?b\b.{0,24}(max|limit|over|allowed|at most)|(max(imum)?|limit"
            r"|over|exceed\w*|more than|than|at most)\b.{0,24}\b0 ?"
            r"([kmg]i?b\b|megabytes|bytes|octets)|\b(larger|bigger) than (we|i|is)\b"
            r"|(file|attach\w*|message|mail)\b.{0,24}\btoo heavy",
            r"^too (big|large)|too much (mail )?data|too (big|large) (message|mail)",
            r"\b(message|attachment)s?('s)? (size|length)\b.{0,30}exceed",
            r"exceed.{0,30}\b(message|maximum|mail) (size|length)|exceeds.{0,20}\bsize",
            r"\bsize (of (the |this )?(message|mail) )?exceeds",
            r"(message|mail) (size )?exceeds? (the )?(fixed |maximum |global |local )?"
            r"(size|limit|max|length|databytes)",
            r"larger than the (current )?(system |maximum )?(limit|size)",
            r"(maximum|max|fixed) (message |e-?mail |mail |allowed |attachment )?size",
            r"\b(attachment|message)s? exceeds?\b(?!.{0,24}(number|rate|quota))",
            r"\bsize limit (is |was )?(exceed|reach)|length of .{0,24}(maximum|exceed)",
        ),
    ),
    Rule(
        "rate_limited(connections)",
        "rate_limited",
        "toomanyconn",
        words(
            r"(too (many|frequent)|concurrent|maximum|simultaneous|parallel"
            r"|fewer).{0,30}(connect|session|thread)|concurrency",
            r"connections? at (a|one) time|(connection|session|thread)s?( frequency"
            r"| rate| count)? (rate )?(limit|is limited)",
            r"(connections?|sessions?) (from|per) .{0,30}(exceed|limit|many)",
        ),
    ),
    Rule(
        "recipients",
        "rate_limited",
        "speeding",
        words(
            r"too many rec(ip|e?p)\w*|recipients? limit|\d+ recipients (max|at most)",
            r"(maximum|max|number of|limit of) .{0,16}recipients?\b",
            r"recipient count exceed|recipients per (message|transaction|session)",
            r"recipients? (over|above|exceed)\w* ",
            r"(number|total|count) of (rcpt|recipient)s?\b.{0,24}(maximum|over|exceed"
            r"|limit|threshold)",
        ),
    ),
    Rule(
        "rate_limited(text or code)",
        "rate_limited",
        "speeding",
        words(
            r"rate.?limit|throttl|ratelimit|flood",
            r"too (many|much(?! (mail )?data)|fast|frequent|quick)"
            r"(?! (hops|received|complain|spam|(mime )?parts|links|urls|headers))"
            r"(?!.{0,28}(error|command))|out of allow",
            r"excessive|(?<!\w)slow(er|ing)? (it |things )?down|again slower|at a rate",
            r"unusual (rate|volume|traffic|(sending )?activity)"
            r"|unexpected(ly)? (high )?volume"
            r"|high volume|volume of (mail|e-?mail|messages)",
            r"(message|sending|daily|hourly|outbound|mail send) (quota|limit)"
            r"|quota for sending|submission quota",
            r"(frequency|rate)( of \w+)? (is |are |was |has been )?(limited|exceed"
            r"|too high)"
            r"|(sending|message|mail|receiving) rate\b",
            r"(?<!in )\b(per|an?|each|every)[ -](hour|minute|day|second)\b|faster than"
            r"|\b(sending|monthly|daily) volume|of your plan\b"
            r"|s/(hour|minute|second|day)\b"
            r"|(hourly|daily) cap\b|quota .{0,40}used up|fewer (connections|messages)"
            r"|(?<!back )(?<!again )(?<!retry )(?<!try )in \d+ (minute|hour|second)s"
            r"|(hourly|daily|per-?minute) .{0,20}(limit|quota|max)",
            r"exceeded (its|their|the|your|his) (limit|sending|send|maximum) ?"
            r"(for|limit|quota|rate)",
            r"limit (for|on) (the )?(number of )?(messages|mail)|receiv(e|ing) limit",
            r"limits? (for|on|to) how (many|much)|(has|have) limits? (for|on)",
            r"exceed\w* .{0,16}(number|count) of (messages|e?-?mails|connections)"
            r"|\bsend (quota|limit)",
            # NetEase's (163.com): connections, their rate, messages, recipients.
            r"\b(hl:i[cf]c|mi:(dmc|sfq|stc|ccl|cel)|rp:(drc|qrc|trc|ccl|cel))\b",
        ),
        r"([45]\.7\.28|5\.2\.12[12])$",
    ),
    Rule(
        "policy(sender)",
        "policy",
        "rejected",
        words(
            r"badmailfrom|sender (address )?(rejected|denied): access denied",
            r"sender domain must exist|sender has no (a|mx)\b",
            r"(banned|blocked|blacklisted|bad|blackholed)( outbound)? sender(?! ip)",
            r"sender (is )?(banned|blocked|blacklisted|not allowed|black ?listed)",
            r"not owned by|(?<!no )permissions? to send (as|on behalf)|sendasdenied"
            r"|not (allowed|permitted|authori[sz]ed) to send (as|from|mail from"
            r"|on behalf)",
        ),
        r"5\.7\.(51[12]|50[123])$",
    ),
    # Tried again, it will not pass until the sender's domain is mended.
    Rule(
        "sender refused for now",
        "policy",
        "rejected",
        _SENDER_REFUSED,
        r"4\.1\.[78]$",
        only=FOR_NOW,
    ),
    Rule(
        "sender refused",
        "",
        "rejected",
        _SENDER_REFUSED,
        r"[45]\.1\.[78]$",
    ),
    Rule(
        "recipient disabled",
        "",
        "suspend",
        words(
            rf"\b{_MAILBOX}\b(?! (name|domain)).{{0,40}}\b(disabled|suspended"
            r"|deactivated|inactive|dormant|expired|discontinued|terminated|frozen"
            r"|closed|cancell?ed|is blocked|been blocked|on hold|not active(d)?"
            r"|no longer (active|in use|available|monitored)|cannot be accessed"
            r"|not (been )?(activ|provision)|hang ?up|suppress|deceased"
            r"|deleted|removed|retired|inactivated|(shut|closed) down"
            r"|(turned|switched) off"
            r"|abandoned|dead\b)",
            r"((?<![.\d:])0\W{1,5}|^)(is |was |has been )?(now )?(disabled|inactive"
            r"|suspended|deactivated)\b",
            r"(account|mail ?box|user|address) (blocked|closed|removed) due to",
            rf"\b(disabled|suspended|inactive|closed|frozen|expired|dead|deactivated"
            rf"|dormant) {_MAILBOX}",
            r"\bsuppression list|domain.{0,40}(suspended|disabled|inactive|on hold)"
            r"|not pop(p)?ed for|mail receiving disabled|discontinued|locked out",
        ),
        r"[45]\.7\.1[3789]$",
        codes=frozenset({525}),
    ),
    Rule(
        "recipient locked",
        "",
        "suspend",
        rf"\b{_MAILBOX}\b.{{0,16}}\blocked",
        only=FOR_GOOD,
    ),
    Rule(
        "busy",
        "transient",
        "systemerror",
        r"(mail ?box|account|user|mail ?drop).{0,20}(temporarily )?(locked|busy"
        r"|in use)",
        only=FOR_NOW,
    ),
    Rule(
        "moved",
        "",
        "hasmoved",
        words(
            r"has (moved|been replaced|changed (his|her|their|its) address)"
            r"|new address",
            r"(no longer|left) .{0,24}(employ|work|with (the|this) company)",
            r"\bleft (the|our|this) (company|organi[sz]ation|firm|university|school)"
            r"|changed? (his |her |their |its )?(e-?mail )?address",
            r"please (try|use|update).{0,24}(new|address|instead)|user not local",
        ),
        r"[45]\.1\.6$",
    ),
    Rule(
        "accepts no mail",
        "",
        "notaccept",
        words(
            r"not (accept|receive|take)(ing)? (any |e-?)?(mail|messages)\b"
            r"(?! (from|sent|via|with))",
            r"null ?mx|no ?reply|unmonitored|not monitored|never accepts? mail",
        ),
        only=FOR_GOOD,
    ),
    Rule(
        "user unknown",
        "",
        "userunknown",
        words(
            rf"\b{_MAILBOX}\b(?! (domain|verif)).{{0,40}}\b(unknown|not found"
            r"|(does ?n[o']t|do(es)? not|did ?n[o']t|not|no) (exist|have an?y? )"
            r"|not ok\b|not known|non-?existent"
            r"|no longer (exist|valid|on|at|a )|nonexist"
            r"|(can'?t|cannot|could not|couldn'?t) be (found|verified|located)"
            r"|not (be )?(a )?(valid|recogni[sz]ed|listed|local|registered|present"
            r"|here|deliver|known)|invalid|illegal"
            r"|unavailable at this|unverified|undeliverable|unrouteable|inexist)",
            rf"(unknown|no such|invalid|illegal|bad|non-?exist\w*|incorrect|wrong)[- ]"
            rf"(or (unknown|illegal|invalid) )?(local |virtual |destination"
            rf"|mail |e-?mail |smtp )?(mail ?)?{_MAILBOX}",
            r"not in (the |our )?(recipient|user|directory|address|ldap)",
            r"\b(unable|failed) to (find|locate|verify) .{0,16}(user|recipient"
            r"|mailbox)",
            r"(?<![.\d:])\b0\W{1,5}(is |are )?(no longer valid"
            r"|not (a )?(valid|known|here)\b"
            r"|unknown\b|invalid\b|does ?n[o']t exist)",
            rf"{_MAILBOX} (denied|unrecogni[sz]ed|mismatch)|^ ?address rejected",
            r"not a (valid|known|local) (user|address|mailbox|recipient|account)",
            r"recipient address rejected: (inactive|invalid|undeliver|unverif|user"
            r"|mailbox|account|no\b)",
            r"(no|have an?|not an?|any) (mail ?box|account)( here| by| with| for| at"
            r"|$)",
            r"unroute?able (mail )?address|undeliverable address|invalid x\.0",
            rf"(unavailable|not an?|not) (mail )?{_MAILBOX} (of|on|at|in|here)"
            rf"|unavailable mail (user|address)|don'?t exists?|invalid rcpt"
            rf"|{_MAILBOX} verif\w+ (failed|failure)",
            rf"mail ?box name (is )?not (allowed|valid)|mail ?box syntax"
            rf"|{_MAILBOX} (is )?undefined",
            r"bad ?primary|recip(ient)?_?not_?found",
            r"(no_?such|unknown_?)(user|recipient)|nosuchuser",
            r"\b(no \w{1,20}|not|nobody) (known )?(here )?(by|with|of) (that|this) name"
            r"|not one of our"
            r"|bad destination|\b(no ?one|nobody) (here|of that)|no record of"
            r"|(do(es)? not|cannot|no) (find|match|know) (any |the |that |this |a )?"
            r"(local )?(user|mail ?box|recipient|account|person)",
            r"(unknown|illegal) or (unknown|illegal) (alias|user)",
            r"user lookup (failed|error)|who\?|address unknown|not our customer",
        ),
        r"5\.(1\.1|2\.4)$",
    ),
    Rule(
        "network(not reachable)",
        "network",
        "networkerror",
        r"(?<!ldap )(?<!ation )(host|domain|server|destination).{0,16}(not reachable"
        r"|unreachable)",
        only=FOR_NOW,
    ),
    Rule(
        "host unknown",
        "",
        "hostunknown",
        words(
            r"(host|domain)( ?name)?('s)?\b.{0,32}\b(unknown|not found|(do(es)? ?n[o']t"
            r"|not|no longer) (exist|resolve|valid|known|have)|not reachable|nxdomain"
            r"|invalid|no (mx|a)\b|could not be found|cannot be found|non-?existent"
            r"|inexist|expired)",
            r"(unknown|no such|invalid|illegal|bad|non-?existent|unrouteable"
            r"|unresolvable)[- ](mail |recipient |destination )?(host|domain)(?! name "
            r"in (helo|ehlo))",
            r"(unable|failed|cannot|could not) (to )?resolve.{0,12}(host|domain|name)",
            r"nxdomain|\bno mx\b|\bno valid domain|bad destination (host|system)",
            r"\bdomain\b( \S{1,80})? (is )?(retired|obsolete|parked|closed|dead"
            r"|no longer (in use|used|active|valid))",
        ),
        r"[45]\.1\.2$",
    ),
)
