"""How well each host does TLS: what was found, and a grade that adds up in sight.

The findings come first. Each says which rule was judged, what it earned and of how
many points; the grade is their sum and nothing else, so that a reader can redo it. A
rule that nothing was seen of is not judged, and counts neither way.

What failed is called by RFC 8460's words (section 4.3), so that a probe of ours and a
report from another postmaster can be joined.

This module knows nothing of pictures, and asks no server anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smtpnb.analysis.frames import table
from smtpnb.analysis.hosts.capabilities import AFTER, BEFORE, Offer, offered
from smtpnb.analysis.hosts.endpoints import rows_by_endpoint
from smtpnb.analysis.inputs import table_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from smtpnb.analysis.inputs import Source

# Mechanisms that send the password itself: RFC 4954 section 4 wants TLS around them.
_IN_CLEAR: Final = frozenset({"PLAIN", "LOGIN"})
SOON: Final = 14  # days in which a certificate must be renewed by hand

_DTYPES: Final = {
    "host": "text",
    "port": "Int32",
    "starttls_offered": "boolean",
    "tls_version": "text",
    "cipher": "text",
    "key": "text",
    "verified": "boolean",
    "name_match": "boolean",
    "days_left": "Int32",
    "dane": "text",
    "mta_sts": "text",
    "tls_result": "text",
    "findings": "list",
    "grade": "text",
}
_SEEN: Final = (
    "ts",
    "tls_mode",
    "capabilities",
    "capabilities_tls",
    "error_type",
    "error_text",
    "tls_version",
    "tls_cipher",
    "tls_verified",
    "tls_result",
    "cert_san",
    "cert_key",
    "cert_not_after",
    "dane",
    "mta_sts",
)

Facts = dict[str, Any]
"""A row of the result, plain and with None for null, and what the rules need besides:
`offers` (by phase), `negotiated`, `failure` (of the handshake)."""


class Rule(NamedTuple):
    """One rule of the grade.

    Attributes:
        points: How many it can earn.
        what: What is asked, as a statement.
        reference: Why, by a document.
        judge: Points earned, and what was seen; None: nothing was seen of it.
    """

    points: int
    what: str
    reference: str
    judge: Callable[[Facts], tuple[int, str] | None]


def tls_posture(source: Source) -> pd.DataFrame:
    """Judge how each host does TLS on each port, by its last session that tried.

    Args:
        source: A transcript, or a frame with the columns of `sessions()`.

    Returns:
        One row for each host and port, in order of appearance: `host`, `port`,
        `starttls_offered` (null: no answer to EHLO outside TLS), `tls_version`,
        `cipher`, `key`, `verified`, `name_match` (RFC 9525), `days_left` (of the
        certificate, on the day of the session), `dane`, `mta_sts` (null: not asked),
        `tls_result` (RFC 8460's word for what failed; null: nothing did, or TLS was
        not tried),
        `findings` (the worst first, such as "FAIL 0 of 3: ...") and `grade` (their
        sum, such as "9 of 12"; null: nothing was seen). The rules: `tls_rules`.
    """
    ends = rows_by_endpoint(table_of(source, "sessions"), _SEEN)
    return table([_judged(*end, rows) for end, rows in ends.items()], _DTYPES)


def tls_rules() -> pd.DataFrame:
    """Return the rules of the grade: `points`, `rule`, `reference`."""
    rules = [(rule.points, rule.what, rule.reference) for rule in _RULES]
    return table(rules, {"points": "int8", "rule": "text", "reference": "text"})


def _judged(host: str, port: int | None, rows: list[dict[str, Any]]) -> Facts:
    row = _telling(rows)
    facts = {**_facts(host, row), "port": port}
    facts["tls_result"] = row["tls_result"] or _result(facts)
    verdicts = [(rule, rule.judge(facts)) for rule in _RULES]
    judged = [(rule, *seen) for rule, seen in verdicts if seen is not None]
    # The rules that lost most come first.
    judged.sort(key=lambda verdict: verdict[1] - verdict[0].points)
    facts["findings"] = [
        f"{_word(rule, got)} {got} of {rule.points}: {seen}"
        for rule, got, seen in judged
    ]
    best = sum(rule.points for rule, *_ in judged)
    facts["grade"] = f"{sum(got for _, got, _ in judged)} of {best}" if judged else None
    return facts


def _word(rule: Rule, got: int) -> str:
    if got == rule.points:
        return "PASS"
    return "FAIL" if got == 0 else "WARN"


def _telling(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The last session that tried TLS, or else that answered EHLO, or else the last."""

    def rank(row: dict[str, Any]) -> int:
        tried = row["tls_mode"] != "none" or row["error_type"] == "TlsError"
        return 2 if tried else 1 if offered(row) else 0

    return max(reversed(rows), key=rank)


def _facts(host: str, row: dict[str, Any]) -> Facts:
    offers = offered(row)
    error = row["error_text"] if row["error_type"] == "TlsError" else None
    verified = row["tls_verified"]
    if verified is None and error and "does not verify" in error:
        verified = False
    until = row["cert_not_after"]
    names = row["cert_san"]
    return {
        "host": host,
        "starttls_offered": "STARTTLS" in offers[BEFORE] if BEFORE in offers else None,
        "tls_version": row["tls_version"],
        "cipher": row["tls_cipher"],
        "key": row["cert_key"],
        "verified": verified,
        "name_match": None if names is None else any(_fits(host, n) for n in names),
        "days_left": None if until is None else (until - row["ts"]).days,
        "dane": row["dane"],
        "mta_sts": row["mta_sts"],
        "offers": offers,
        "negotiated": row["tls_mode"] != "none",
        "failure": error,
    }


def _fits(host: str, name: str) -> bool:
    """RFC 9525 section 6.3: a wildcard stands for just the leftmost label."""
    host, name = host.lower().rstrip("."), name.lower().rstrip(".")
    if name.startswith("*."):
        return host.partition(".")[2] == name[2:]
    return host == name


# What OpenSSL and we say when a certificate does not verify.
_RESULTS: Final = (
    (re.compile(r"has expired|expired on"), "certificate-expired"),
    (re.compile(r"mismatch|not valid for"), "certificate-host-mismatch"),
    (re.compile(r"does not verify"), "certificate-not-trusted"),
)


def _result(facts: Facts) -> str | None:
    """RFC 8460 section 4.3's word for what failed."""
    if facts["failure"]:
        found = (word for p, word in _RESULTS if p.search(facts["failure"].lower()))
        return next(found, "validation-failure")
    if not facts["negotiated"]:
        return "starttls-not-supported" if facts["starttls_offered"] is False else None
    if facts["days_left"] is not None and facts["days_left"] < 0:
        return "certificate-expired"
    if facts["name_match"] is False:
        return "certificate-host-mismatch"
    return "certificate-not-trusted" if facts["verified"] is False else None


def _offer(facts: Facts) -> tuple[int, str] | None:
    if facts["starttls_offered"] is None:
        return (2, "TLS from the first octet") if facts["negotiated"] else None
    if facts["starttls_offered"]:
        return 2, "STARTTLS is offered"
    return 0, "STARTTLS is not offered"


def _handshake(facts: Facts) -> tuple[int, str] | None:
    if facts["failure"]:
        return 0, f"no TLS: {facts['failure'].partition('. To look')[0]}"
    return (2, "TLS was negotiated") if facts["negotiated"] else None


def _version(facts: Facts) -> tuple[int, str] | None:
    version = facts["tls_version"]
    if version is None:
        return None
    return {"TLSv1.3": 2, "TLSv1.2": 1}.get(version, 0), f"{version}, {facts['cipher']}"


def _verified(facts: Facts) -> tuple[int, str] | None:
    if facts["verified"] is None:
        return None
    if facts["verified"]:
        return 3, "the certificate verifies"
    return 0, "the certificate does not verify"


def _name(facts: Facts) -> tuple[int, str] | None:
    if facts["name_match"] is None:
        return None
    if facts["name_match"]:
        return 1, f"the certificate is for {facts['host']}"
    return 0, f"the certificate is not for {facts['host']}"


def _dates(facts: Facts) -> tuple[int, str] | None:
    days = facts["days_left"]
    if days is None:
        return None
    if days < 0:
        return 0, f"the certificate expired {-days} days before"
    return int(days >= SOON), f"the certificate lasts {days} days"


def strong(key: str | None) -> bool | None:
    """Return whether a key such as "RSA 2048" is strong enough; None: not known."""
    kind, _, size = (key or "").partition(" ")
    if not kind:
        return None
    least = {"RSA": 2048, "EC": 224}.get(kind)
    if least is None:
        return kind in {"Ed25519", "Ed448"}
    return size.isdecimal() and int(size) >= least


def _strength(facts: Facts) -> tuple[int, str] | None:
    verdict = strong(facts["key"])
    return None if verdict is None else (int(verdict), f"the key is {facts['key']}")


def _auth(facts: Facts) -> tuple[int, str] | None:
    before: Offer | None = facts["offers"].get(BEFORE)
    if before is None:
        return None
    bare = sorted(_IN_CLEAR & {*before.get("AUTH", "").upper().split()})
    if bare:
        names = " ".join(bare)
        return 0, f"AUTH {names} is offered before TLS: passwords may travel in clear"
    if "AUTH" in before:
        return 1, "AUTH before TLS is offered without passwords in clear"
    after = facts["offers"].get(AFTER, {})
    return (
        1,
        f"AUTH is {'offered only after TLS' if 'AUTH' in after else 'not offered'}",
    )


def _policy(facts: Facts) -> tuple[int, str] | None:
    words = {name: facts[name] for name in ("dane", "mta_sts") if facts[name]}
    if not words:
        return None
    said = ", ".join(f"{name} {word}" for name, word in words.items())
    return 2 * any(word in {"valid", "enforce"} for word in words.values()), said


_RULES: Final = (
    Rule(2, "TLS is offered", "RFC 3207 4, RFC 8314 3", _offer),
    Rule(2, "TLS can be negotiated", "RFC 3207 4.1", _handshake),
    Rule(2, "TLS 1.3; TLS 1.2 earns 1", "RFC 8996, RFC 9325 3.1.1", _version),
    Rule(3, "the certificate verifies", "RFC 5280 6, RFC 9525", _verified),
    Rule(1, "the certificate names the host", "RFC 9525 6.3", _name),
    Rule(1, f"the certificate lasts {SOON} days or more", "RFC 5280 4.1.2.5", _dates),
    Rule(1, "RSA 2048, EC 224 or better", "RFC 9325 4.5", _strength),
    Rule(1, "no password in clear outside TLS", "RFC 4954 4", _auth),
    Rule(2, "DANE or MTA-STS holds", "RFC 7672, RFC 8461", _policy),
)
