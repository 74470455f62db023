"""Why: what the codes of a refusal mean, by the registry and by who speaks.

A code may be registered, or a provider's own, or both with different meanings. Nothing
is borrowed: a code that is in no registry is called so, and the basic code's meaning is
told of the basic code only. This module knows nothing of advice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smtpnb.analysis.replies.classify import Verdict, verdict
from smtpnb.analysis.replies.providers import provider_of, readings
from smtpnb.analysis.replies.registry import DETAILS, REPLY_CODES
from smtpnb.analysis.replies.rules import RULES, VAGUE_WORDS
from smtpnb.analysis.replies.status import status_meaning

if TYPE_CHECKING:
    from smtpnb.analysis.explain.cases import Case
    from smtpnb.analysis.replies.providers import Reading
    from smtpnb.analysis.replies.status import StatusMeaning

# What was decided by a code alone, or by words that many causes share.
_WEAK: Final = frozenset(
    rule.name for rule in (*RULES, *VAGUE_WORDS) if not rule.text or rule in VAGUE_WORDS
)

# Reply codes that say nothing sharper than an enhanced code does.
_OF_MANY_CAUSES: Final = frozenset({None, 421, 450, 451, 550, 554})


def speaker(case: Case) -> str | None:
    """Return which provider speaks, if his host or his words tell."""
    return provider_of(case.host, case.text)


def judged(case: Case, code: int) -> Verdict:
    """Return the verdict; where nothing sharp decided, as the provider means it."""
    found = verdict(code, case.enhanced, case.text)
    one = meant(case, found)
    if one is None or not one.reason:
        return found
    return Verdict(one.retry_class, one.reason, f"{one.provider}'s {case.enhanced}")


def meant(case: Case, found: Verdict) -> Reading | None:
    """Return a provider's meaning of the code where nothing sharper decided.

    Without a sign of who speaks, a code of nobody but one provider is his.
    """
    if found.evidence.partition(",")[0] not in {*_WEAK, "code"}:
        return None
    provider = speaker(case)
    told = readings(case.enhanced, provider)
    if provider is None and not (len(told) == 1 and _unregistered(case.enhanced)):
        return None
    return next(iter(told), None)


def ambiguous(case: Case, found: Verdict) -> list[str]:
    """Return the providers that mean something else by a bare registered code."""
    if case.text.strip() or speaker(case) or _unregistered(case.enhanced):
        return []
    if case.code not in _OF_MANY_CAUSES:
        return []
    told = readings(case.enhanced)
    return [one.provider for one in told if one.reason not in {"", found.reason}]


def codes_say(case: Case, code: int) -> tuple[list[str], str]:
    """Return what the codes mean, a line each; and the registry's name of it."""
    lines = []
    # Where only an enhanced code was given, nothing is said of a reply code.
    registered = status_meaning(case.code, case.enhanced)
    meaning = registered
    if meaning.enhanced and not meaning.contradiction and _unregistered(case.enhanced):
        subject = f"its subject is {meaning.subject_name} (RFC 3463 2)"
        if meaning.subject_name == "unknown":
            subject = "nor is its subject (RFC 3463 2)"
        lines.append(
            f"{case.enhanced} is not registered (IANA); {subject}, the rest means "
            "what they say"
        )
        meaning = status_meaning(case.code)
    if meaning.contradiction:
        lines.append(f"{case.enhanced} contradicts {code}, and the reply code counts")
        meaning = status_meaning(code)
    told = readings(case.enhanced, speaker(case))
    by_enhanced = _named_by_enhanced(meaning)
    if meaning.detail_name:
        where = f" ({meaning.reference})" if meaning.reference else ""
        shown = case.enhanced if by_enhanced or case.code is None else code
        own = by_enhanced and told and speaker(case) is not None
        means = "is registered as" if own else "means"
        lines.append(f"{shown} {means} {meaning.detail_name}{where}")
    if case.code is not None and case.code not in REPLY_CODES:
        lines.append(
            f"{code} is in no RFC that we know; its first digit counts (RFC 5321 4.2.1)"
        )
    lines += [_reading(one, case.enhanced) for one in told]
    return lines, meaning.detail_name


def _reading(one: Reading, enhanced: str | None) -> str:
    since = f", since {one.since}" if one.since else ""
    return (
        f"at {one.provider} {enhanced} means: {one.meaning}{since} "
        f"({one.source}, as of {one.read})"
    )


def _named_by_enhanced(meaning: StatusMeaning) -> bool:
    """Whether the name is of the enhanced status code, not of the reply code."""
    return (
        bool(meaning.enhanced)
        and meaning != status_meaning(meaning.code)
        and (meaning.detail_name != status_meaning(meaning.code).detail_name)
    )


def _unregistered(enhanced: str | None) -> bool:
    """Whether an enhanced status code is in no row of the registry."""
    parts = (enhanced or "0.0.0").split(".")
    return (int(parts[1]), int(parts[2])) not in DETAILS
