"""A Dovecot submission server that speaks every SASL mechanism it has.

Passwords are in a file of its own; tokens are JWTs, which it checks by itself with a
key that is made for the run; EXTERNAL is by client certificate. Nothing is asked
outside of its folder.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import ssl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trustme

from tests.servers.process import free_port, open_home, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER: Final = "ann@example.test"
PASSWORD: Final = "the-password-of-ann"
MECHANISMS: Final = (
    "plain login cram-md5 digest-md5 scram-sha-1 scram-sha-256 xoauth2 oauthbearer "
    "external"
)
_CONF: Final = """\
base_dir = {home}/run
state_dir = {home}/run
log_path = {home}/log
protocols = submission
listen = 127.0.0.1
hostname = localhost
ssl = yes
ssl_cert = <{home}/tls.pem
ssl_key = <{home}/tls.pem
ssl_ca = <{home}/ca.pem
ssl_verify_client_cert = yes
ssl_require_crl = no
ssl_cert_username_field = commonName
auth_ssl_username_from_cert = yes
disable_plaintext_auth = yes
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
auth_realms = example.test
auth_default_realm = example.test
mail_location = maildir:{home}/mail
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {home}/oauth2.conf
}}
passdb {{
  driver = static
  mechanisms = external
  args = nopassword=y
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login cram-md5 digest-md5 scram-sha-1 scram-sha-256
  args = {home}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={home}/mail
}}
# Else each failure makes the next answer slower, up to 15 s.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service submission-login {{
  chroot =
  inet_listener submission {{
    port = {port}
  }}
  inet_listener submissions {{
    port = 0
  }}
}}
"""
_OAUTH2: Final = """\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={home}/keys/
username_attribute = sub
"""


class DovecotSasl:
    """A running Dovecot.

    Attributes:
        port: Where its submission service listens.
        ca: PEM text of the CA of its certificate, whose name is localhost.
    """

    host = "localhost"

    def __init__(self, home: Path, port: int, ca: trustme.CA, key: bytes) -> None:
        self.port = port
        self.ca = ca.cert_pem.bytes().decode()
        self._home = home
        self._ca = ca
        self._key = key

    def token(self, user: str = USER, *, seconds: int = 300) -> str:
        """Return a JWT that it will take for so many seconds."""
        now = int(time.time())
        told = {"sub": user, "iat": now - 5, "exp": now + seconds, "scope": "smtp"}
        parts = [_web(json.dumps(part).encode()) for part in (_HEADER, told)]
        said = b".".join(parts)
        signed = _web(hmac.digest(self._key, said, "sha256"))
        return b".".join((said, signed)).decode()

    def context_of(self, user: str) -> ssl.SSLContext:
        """Return a client's context with a certificate of a user."""
        context = ssl.create_default_context(cadata=self.ca)
        self._ca.issue_cert(user, common_name=user).configure_cert(context)
        return context

    def log(self) -> str:
        """Return what Dovecot logged."""
        return (self._home / "log").read_text(errors="replace")


_HEADER: Final = {"alg": "HS256", "typ": "JWT"}


def _web(octets: bytes) -> bytes:
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


@contextmanager
def running_dovecot_sasl(command: str, relay: int) -> Iterator[DovecotSasl]:
    """Start a Dovecot, and stop it with everything it started.

    Args:
        command: The path of `dovecot`.
        relay: The port of the server that takes what is submitted.
    """
    with open_home("run", "mail", "keys/default/HS256") as home:
        shutil.chown(home / "mail", "nobody", "nogroup")
        ca, key = trustme.CA(), hashlib.sha256(os.urandom(32)).digest()
        chain = ca.issue_cert("localhost").private_key_and_cert_chain_pem
        (home / "tls.pem").write_bytes(chain.bytes())
        (home / "ca.pem").write_bytes(ca.cert_pem.bytes())
        (home / "keys/default/HS256/default").write_bytes(base64.b64encode(key))
        (home / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        (home / "oauth2.conf").write_text(_OAUTH2.format(home=home))
        port, conf = free_port(), home / "dovecot.conf"
        conf.write_text(
            _CONF.format(home=home, relay=relay, port=port, mechanisms=MECHANISMS)
        )
        with running([command, "-F", "-c", str(conf)], port):
            yield DovecotSasl(home, port, ca, key)
