"""A Dovecot submission server of our own, which hands everything to a sink.

Its configuration, sockets, log and mail are in a folder of its own; the system's
Dovecot is neither read nor touched.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import trustme

from tests.servers.process import free_port, open_home, running

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD: Final = "the-password-of-ann"
_CONF: Final = """\
base_dir = {home}/run
state_dir = {home}/run
log_path = {home}/log
protocols = submission
listen = 127.0.0.1
hostname = submission.test
ssl = yes
ssl_cert = <{home}/tls.pem
ssl_key = <{home}/tls.pem
disable_plaintext_auth = yes
auth_mechanisms = plain login
mail_location = maildir:{home}/mail
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={home}/mail
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


class Dovecot(NamedTuple):
    """A running Dovecot.

    Attributes:
        port: Where its submission service listens.
        ca: PEM text of the CA of its certificate, whose name is localhost.
    """

    port: int
    ca: str


@contextmanager
def running_dovecot(command: str, relay: int, *names: str) -> Iterator[Dovecot]:
    """Start a Dovecot, and stop it with everything it started.

    Args:
        command: The path of `dovecot`.
        relay: The port of the server that takes what is submitted.
        names: Of its certificate, beside localhost.
    """
    with open_home("run", "mail") as home:
        shutil.chown(home / "mail", "nobody", "nogroup")
        ca = trustme.CA()
        chain = ca.issue_cert("localhost", *names).private_key_and_cert_chain_pem
        (home / "tls.pem").write_bytes(chain.bytes())
        port, conf = free_port(), home / "dovecot.conf"
        conf.write_text(
            _CONF.format(home=home, relay=relay, port=port, password=PASSWORD)
        )
        with running([command, "-F", "-c", str(conf)], port):
            yield Dovecot(port, ca.cert_pem.bytes().decode())
