"""What providers mean by enhanced status codes of their own: sourced, dated, short.

Some providers use codes that the registry gives to something else (Gmail's 5.7.29 is
TLS, the registry's is ARC), or codes that no registry knows. Each row was read on a
page or in a thread that is named with its date; what was not read is not here, so the
table is no list of all that they say. `explain` tells every reading of a bare code, the
registry's first; a host or the text itself chooses one.

This module knows nothing of rules: a reading adds to a verdict, it never makes one.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Reading(NamedTuple):
    r"""What one provider means by a code.

    Attributes:
        provider: Who.
        enhanced: The code without its class, as a pattern: `7\\.29`.
        meaning: In a few words of ours.
        source: The page or thread that says so.
        read: The date of that page's version, as it was read.
        since: Since when the rule holds, if the source tells; else "".
        retry_class: What it makes of a refusal where nothing but the code tells.
        reason: Likewise; "" leaves what the registry's meaning makes of it.
    """

    provider: str
    enhanced: str
    meaning: str
    source: str
    read: str
    since: str = ""
    retry_class: str = ""
    reason: str = ""


GMAIL: Final = "Gmail"
MICROSOFT: Final = "Microsoft"
YAHOO: Final = "Yahoo"
APPLE: Final = "Apple"
PROOFPOINT: Final = "Proofpoint"
MIMECAST: Final = "Mimecast"

# Who answers, by the end of a host's name; and by words that only he says.
_HOSTS: Final = {
    GMAIL: r"(?:\.|^)(?:google|googlemail|gmail)\.com\.?$",
    MICROSOFT: (
        r"(?:\.|^)(?:outlook\.com|office365\.com|hotmail\.com|mx\.microsoft)\.?$"
    ),
    YAHOO: r"(?:\.|^)(?:yahoodns\.net|yahoo\.com)\.?$",
    APPLE: r"(?:\.|^)(?:icloud\.com|apple\.com)\.?$",
    PROOFPOINT: r"(?:\.|^)(?:pphosted\.com|ppe-hosted\.com)\.?$",
    MIMECAST: r"(?:\.|^)mimecast\.(?:com|co\.za)\.?$",
}
_WORDS: Final = {
    GMAIL: r"\bgsmtp\b|support\.google\.com|\bGmail (?:requires|has detected)",
    MICROSOFT: (
        r"\.prod\.(?:outlook|exchangelabs)\.com|\.protection\.outlook\.com|go\.microsoft\.com"
        r"|sender\.office\.com|aka\.ms/|for Client Submission|\(AS\d{3,12}\)"
    ),
    YAHOO: (
        r"postmaster\.(?:yahoo|yahooinc|verizonmedia)\.com|\[TSS?\d\d\]"
        r"|not accepted for policy reasons"
    ),
    APPLE: r"support\.apple\.com|\[(?:HM|CS)\d\d\]",
    PROOFPOINT: r"\bproofpoint\.com",
    MIMECAST: r"\bmimecast\.(?:com|org)",
}

_GMAIL_PAGE: Final = "Gmail SMTP errors and codes (support.google.com/a/answer/3726730)"
_GMAIL_READ: Final = "2026-02-15"
_FROM_2024: Final = "February 2024"
_NDR: Final = (
    "Email non-delivery reports and SMTP errors in Exchange Online (Microsoft)"
)
_NDR_READ: Final = "2023-01-29"


def _gmail(
    enhanced: str,
    meaning: str,
    reason: str = "authfailure",
    retry_class: str = "policy",
    since: str = _FROM_2024,
) -> Reading:
    return Reading(
        GMAIL, enhanced, meaning, _GMAIL_PAGE, _GMAIL_READ, since, retry_class, reason
    )


def _exchange(
    enhanced: str, meaning: str, retry_class: str = "", reason: str = ""
) -> Reading:
    return Reading(
        MICROSOFT, enhanced, meaning, _NDR, _NDR_READ, "", retry_class, reason
    )


READINGS: Final = (
    _gmail(r"7\.23", "no PTR record, or one that does not lead back", "requireptr"),
    _gmail(
        r"7\.26", "neither SPF nor DKIM passed, or the domain's DMARC policy", since=""
    ),
    _gmail(r"7\.27", "SPF did not pass"),
    _gmail(
        r"7\.28",
        "an unusual rate of mail from an address, domain or URL",
        "speeding",
        "rate_limited",
        "",
    ),
    _gmail(r"7\.29", "sent without TLS", "failedstarttls", "tls"),
    _gmail(r"7\.30", "DKIM did not pass"),
    _gmail(r"7\.32", "From is aligned with neither SPF nor DKIM"),
    _gmail(r"7\.40", "the domain has no DMARC record, or no policy in it", since=""),
    Reading(
        GMAIL,
        r"7\.31",
        "the domain has no DMARC policy",
        "Google Reveals New Email Error Codes (SendGrid's blog)",
        "2024-05-06",
        _FROM_2024,
        "policy",
        "authfailure",
    ),
    Reading(
        MICROSOFT,
        r"7\.515",
        "From's domain does not pass SPF, DKIM and DMARC as large senders must",
        "Fix NDR error 550 5.7.515 in Outlook.com (support.microsoft.com)",
        "2026-11-26",
        "5 May 2025",
    ),
    Reading(
        MICROSOFT,
        r"7\.30",
        "a password at client submission: only OAuth is taken (off by default from the "
        "end of December 2026)",
        "Exchange Online to retire Basic auth for Client Submission (Exchange Team "
        "Blog); its new dates: captaindns.com",
        "2025-06-11; 2026-02-20",
        retry_class="auth",
        reason="securityerror",
    ),
    _exchange(
        r"1\.10", "no such recipient in its directory", "permanent", "userunknown"
    ),
    _exchange(r"1\.8", "the sending account is blocked for sending spam"),
    _exchange(
        r"4\.1",
        "no such recipient (Access denied), or a domain not its own",
        "permanent",
        "userunknown",
    ),
    _exchange(r"7\.12", "the recipient takes mail of its own organisation only"),
    _exchange(r"7\.13[3-6]", "the recipient takes mail of its own organisation only"),
    _exchange(r"7\.124", "the sender is not on the group's list of allowed senders"),
    _exchange(
        r"7\.57",
        "the client did not authenticate before MAIL FROM",
        "auth",
        "securityerror",
    ),
    _exchange(r"7\.64", "an inbound connector does not fit: no relaying"),
    _exchange(r"7\.32[1-5]", "TLS, certificate or DANE of the destination failed"),
    _exchange(r"7\.50[123]", "the sending account is banned for spam"),
    _exchange(r"7\.504", "no such recipient"),
    _exchange(r"7\.506", "EHLO said a name of theirs"),
    _exchange(r"7\.508", "too many messages from the IPv6 range"),
    _exchange(r"7\.509", "DMARC failed and the domain's policy is reject"),
    _exchange(r"7\.511", "the IP address is banned"),
    _exchange(r"7\.512", "no valid address in From"),
    _exchange(r"7\.513", "the recipient's organisation blocks the IP address"),
    _exchange(r"7\.6(?:0[6-9]|[1-4]\d)", "the IP address is banned"),
    _exchange(r"7\.70[58]", "the tenant, or its IP address, is banned as suspicious"),
    _exchange(r"2\.12[12]", "more messages an hour than this recipient may get"),
    _exchange(r"4\.300", "the message expired on its way"),
    Reading(
        YAHOO,
        r"7\.9",
        "it could not verify the sender by SPF, DKIM or DMARC",
        "Error 554 5.7.9 when sending email to Yahoo (help.yahoo.com SLN7253)",
        "2014-04-16",
        retry_class="policy",
        reason="authfailure",
    ),
)


def provider_of(host: str | None, text: str) -> str | None:
    """Return who speaks, by the host's name or by his words; None: not known."""
    if host is not None:
        for provider, pattern in _HOSTS.items():
            if re.search(pattern, host, re.IGNORECASE):
                return provider
    for provider, pattern in _WORDS.items():
        if re.search(pattern, text[:4096], re.IGNORECASE):
            return provider
    return None


def readings(enhanced: str | None, provider: str | None = None) -> list[Reading]:
    """Return what providers mean by a code; only one's, if it is known who speaks."""
    _, _, rest = (enhanced or "").partition(".")
    return [
        one
        for one in READINGS
        if provider in {None, one.provider} and re.fullmatch(one.enhanced, rest)
    ]
