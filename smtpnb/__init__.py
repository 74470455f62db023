"""smtpnb: an SMTP workbench for Jupyter.

    from smtpnb import SmtpClient, Sandbox
    %load_ext smtpnb

Names load when they are first used, so that `from smtpnb import SmtpClient` costs
about as much as `import smtplib`: neither pandas nor IPython is imported by it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from smtpnb.client import SmtpClient as SmtpClient
    from smtpnb.dialogues.conformance import (
        conformance as conformance,
    )
    from smtpnb.dialogues.conformance import (
        conformance_in_parts as conformance_in_parts,
    )
    from smtpnb.message.delivery import Delivery as Delivery
    from smtpnb.message.delivery import Recipient as Recipient
    from smtpnb.message.envelope import MailObject as MailObject
    from smtpnb.passwords import ask_password as ask_password
    from smtpnb.passwords import password_from_env as password_from_env
    from smtpnb.passwords import password_from_keyring as password_from_keyring
    from smtpnb.protocol.commands import Rcpt as Rcpt
    from smtpnb.protocol.errors import (
        Cancelled as Cancelled,
    )
    from smtpnb.protocol.errors import (
        ConnectError as ConnectError,
    )
    from smtpnb.protocol.errors import (
        ConnectionLost as ConnectionLost,
    )
    from smtpnb.protocol.errors import (
        DeadlineExceeded as DeadlineExceeded,
    )
    from smtpnb.protocol.errors import (
        LocalProtocolError as LocalProtocolError,
    )
    from smtpnb.protocol.errors import (
        PermanentReplyError as PermanentReplyError,
    )
    from smtpnb.protocol.errors import (
        RemoteProtocolError as RemoteProtocolError,
    )
    from smtpnb.protocol.errors import (
        ReplyError as ReplyError,
    )
    from smtpnb.protocol.errors import (
        ResolveError as ResolveError,
    )
    from smtpnb.protocol.errors import (
        SmtpError as SmtpError,
    )
    from smtpnb.protocol.errors import (
        TlsError as TlsError,
    )
    from smtpnb.protocol.errors import (
        TransientReplyError as TransientReplyError,
    )
    from smtpnb.protocol.errors import (
        TransportError as TransportError,
    )
    from smtpnb.protocol.parameters import DeliverBy as DeliverBy
    from smtpnb.protocol.proxy import ProxyHeader as ProxyHeader
    from smtpnb.protocol.reply import Reply as Reply
    from smtpnb.protocol.sasl import Anonymous as Anonymous
    from smtpnb.protocol.sasl import CramMd5 as CramMd5
    from smtpnb.protocol.sasl import DigestMd5 as DigestMd5
    from smtpnb.protocol.sasl import External as External
    from smtpnb.protocol.sasl import Gssapi as Gssapi
    from smtpnb.protocol.sasl import Login as Login
    from smtpnb.protocol.sasl import Ntlm as Ntlm
    from smtpnb.protocol.sasl import OAuthBearer as OAuthBearer
    from smtpnb.protocol.sasl import Plain as Plain
    from smtpnb.protocol.sasl import Scram as Scram
    from smtpnb.protocol.sasl import XOAuth2 as XOAuth2
    from smtpnb.protocol.secret import Secret as Secret
    from smtpnb.protocol.session import State as State
    from smtpnb.protocol.xtext import Xtext as Xtext
    from smtpnb.sandbox import Fault as Fault
    from smtpnb.sandbox import Sandbox as Sandbox
    from smtpnb.transcript import SavedTranscript as SavedTranscript
    from smtpnb.transcript import Transcript as Transcript
    from smtpnb.transcript import concat as concat
    from smtpnb.transcript import load as load
    from smtpnb.transcript.store.export import to_csv as to_csv
    from smtpnb.transcript.store.scan import scan as scan
    from smtpnb.transfer.controlled import Control as Control
    from smtpnb.wire.tls_policy import TlsPolicy as TlsPolicy
    from smtpnb.wire.wait import (
        INTERACTIVE as INTERACTIVE,
    )
    from smtpnb.wire.wait import (
        RFC5321 as RFC5321,
    )
    from smtpnb.wire.wait import (
        Timeouts as Timeouts,
    )

__version__ = "0.1.0"

_ERRORS: Final = (
    "Cancelled ConnectError ConnectionLost DeadlineExceeded LocalProtocolError "
    "PermanentReplyError RemoteProtocolError ReplyError ResolveError SmtpError "
    "TlsError TransientReplyError TransportError"
)
_MECHANISMS: Final = (
    "Anonymous CramMd5 DigestMd5 External Gssapi Login Ntlm OAuthBearer Plain Scram "
    "XOAuth2"
)
_HOMES: Final = {
    "smtpnb.client": "SmtpClient",
    "smtpnb.dialogues.conformance": "conformance conformance_in_parts",
    "smtpnb.passwords": "ask_password password_from_env password_from_keyring",
    "smtpnb.protocol.commands": "Rcpt",
    "smtpnb.protocol.errors": _ERRORS,
    "smtpnb.protocol.parameters": "DeliverBy",
    "smtpnb.protocol.proxy": "ProxyHeader",
    "smtpnb.message.delivery": "Delivery Recipient",
    "smtpnb.message.envelope": "MailObject",
    "smtpnb.protocol.reply": "Reply",
    "smtpnb.protocol.sasl": _MECHANISMS,
    "smtpnb.protocol.secret": "Secret",
    "smtpnb.protocol.session": "State",
    "smtpnb.sandbox": "Fault Sandbox",
    "smtpnb.transfer.controlled": "Control",
    "smtpnb.transcript": "SavedTranscript Transcript concat load",
    "smtpnb.transcript.store.export": "to_csv",
    "smtpnb.transcript.store.scan": "scan",
    "smtpnb.notebook.panel": "Panel",
    "smtpnb.protocol.xtext": "Xtext",
    "smtpnb.wire.tls_policy": "TlsPolicy",
    "smtpnb.wire.wait": "INTERACTIVE RFC5321 Timeouts",
}
_HOME_OF: Final = {
    name: home for home, names in _HOMES.items() for name in names.split()
}

__all__ = [*_HOME_OF, "__version__"]  # noqa: PLE0604  # names, computed once


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'smtpnb' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})


def load_ipython_extension(ipython: Any) -> None:
    """Make `%smtp` and `%%smtp` known: `%load_ext smtpnb`."""
    import_module("smtpnb.notebook.magics").load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Take everything back: `%unload_ext smtpnb`."""
    import_module("smtpnb.notebook.magics").unload(ipython)
