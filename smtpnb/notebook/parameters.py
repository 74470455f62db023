"""Options of `%smtp` that are parameters of MAIL, of RCPT and of `connect`.

The options carry the keywords of the wire in lower case, and plain values; what stands
behind the path as KEYWORD=value is sent as it is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from IPython.core.error import UsageError

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.proxy import ProxyHeader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smtpnb.notebook.grammar import Request

# The option, the argument of `mail_from` or `rcpt_to`, and whether case counts.
OF_MAIL: Final[Mapping[str, tuple[str, bool]]] = {
    "--size": ("size", True),
    "--body": ("body", False),
    "--ret": ("ret", False),
    "--envid": ("envid", True),
    "--auth": ("auth", True),
    "--by": ("by", False),
    "--holdfor": ("holdfor", True),
    "--holduntil": ("holduntil", False),
    "--mt-priority": ("mt_priority", True),
    "--smtputf8": ("smtputf8", True),
    "--requiretls": ("requiretls", True),
    "--prdr": ("prdr", True),
}
OF_RCPT: Final[Mapping[str, tuple[str, bool]]] = {
    "--notify": ("notify", False),
    "--orcpt": ("orcpt", True),
    "--rrvs": ("rrvs", False),
}


def of_mail(request: Request) -> dict[str, Any]:
    """Return what the options say of MAIL, as arguments."""
    return _arguments(request, OF_MAIL)


def of_rcpt(request: Request) -> dict[str, Any]:
    """Return what the options say of RCPT, as arguments."""
    return _arguments(request, OF_RCPT)


def _arguments(
    request: Request, known: Mapping[str, tuple[str, bool]]
) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for option, (name, case_counts) in known.items():
        if option in request.options:
            value = request.options[option]
            folds = isinstance(value, str) and not case_counts
            said[name] = value.upper() if folds else value
    return said


def of_connect(request: Request) -> dict[str, Any]:
    """Return what --disable and --proxy say, as arguments of `connect`."""
    said: dict[str, Any] = {}
    if "--disable" in request.options:
        said["disable"] = _names(request.options["--disable"])
    if "--proxy" in request.options:
        said["proxy"] = _proxy(request.options["--proxy"])
    return said


def guards(request: Request, lax: Any) -> Any:
    """Return which guards --lax and --lift lift, beside those that are lifted."""
    if "--lax" in request.options or lax is True:
        return True
    lifted = _names(request.options.get("--lift", ""))
    return frozenset({*(lax or ()), *lifted}) if lifted else lax


def attributes(request: Request) -> dict[str, Any]:
    """Return the words NAME=value of XCLIENT and XFORWARD, as arguments.

    Raises:
        UsageError: A word is no attribute.
    """
    said: dict[str, Any] = {}
    for word in request.words:
        name, equals, value = word.text.partition("=")
        if not equals:
            raise UsageError(f"{request.command} wants NAME=value, not {word.text!r}")
        said[name.lower()] = value
    return said


def _proxy(value: Any) -> ProxyHeader:
    if isinstance(value, ProxyHeader):
        return value
    version, *ends = [part for part in str(value).split(",") if part]
    usual = "--proxy is v1 or v2, or v1,192.0.2.1:56324,192.0.2.2:25"
    if version not in ("v1", "v2") or len(ends) not in (0, 2):
        raise UsageError(usual)
    try:
        return ProxyHeader(*ends, version=int(version[1]))
    except LocalProtocolError as error:
        raise UsageError(f"{usual}: {error}") from None


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    return list(value)
