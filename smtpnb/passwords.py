"""Where a password or a token comes from, so that it stands in no notebook.

Each of these returns a `Secret`, which shows itself nowhere; `client.auth` takes one as
it takes a text. The magics and the command line ask the same functions.

This module knows nothing of SMTP.
"""

from __future__ import annotations

from smtpnb.protocol.errors import LocalProtocolError
from smtpnb.protocol.secret import Secret


def password_from_env(variable: str) -> Secret:
    """Return what a variable of the environment holds.

    Args:
        variable: Its name.

    Raises:
        LocalProtocolError: There is no such variable, or it is empty.

    Example:
        >>> password_from_env("ANNS_PASSWORD")
        Secret(***)
    """
    import os

    found = Secret(os.environ.get(variable, ""))
    if not len(found):
        state = "is empty" if variable in os.environ else "does not exist"
        raise LocalProtocolError(
            f"the environment variable {variable!r} {state}; nothing was sent"
        )
    return found


def password_from_keyring(service: str, user: str) -> Secret:
    """Return what the system's key store holds (`pip install smtpnb[keyring]`).

    Args:
        service: Under what it was kept: `keyring set SERVICE USER` in a shell.
        user: Whose it is.

    Raises:
        LocalProtocolError: The package is missing, the store cannot be asked, or it
            has no such password.

    Example:
        >>> password_from_keyring("mail.example", "ann")
        Secret(***)
    """
    try:
        import keyring
    except ImportError:
        raise LocalProtocolError(
            "a password from the keyring needs the package: pip install "
            "'smtpnb[keyring]'; nothing was sent"
        ) from None
    try:
        found = Secret(keyring.get_password(service, user) or "")
    except Exception as error:
        raise LocalProtocolError(
            f"the keyring could not be asked: {type(error).__name__}; nothing was sent"
        ) from error
    if not len(found):
        raise LocalProtocolError(
            f"the keyring has no password of {user} for {service}; nothing was sent"
        )
    return found


def ask_password(prompt: str = "Password: ") -> Secret:
    """Ask for it where it is not shown: in a notebook, in a terminal.

    Args:
        prompt: What is shown.

    Example:
        >>> ask_password("Password of ann: ")
        Secret(***)
    """
    import getpass

    return Secret(getpass.getpass(prompt))
