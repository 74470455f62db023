"""A Dovecot LMTP server of our own (RFC 2033): over TCP and over a unix socket.

Its configuration, sockets, log and mail are in a folder of its own; the system's
Dovecot is neither read nor touched. Recipients ok-... are stored, over-... are over
quota (a no after the message, one for each recipient), everybody else is unknown.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.servers.maildir import Maildir
from tests.servers.process import free_port, open_home, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONF: Final = """\
base_dir = {home}/run
state_dir = {home}/run
log_path = {home}/log
protocols = lmtp
listen = 127.0.0.1
hostname = lmtp.test
ssl = no
auth_username_format = %Ln
mail_location = maildir:{home}/mail/%n
mail_plugins = quota
plugin {{
  quota = maildir:User quota
}}
lmtp_save_to_detail_mailbox = no
lmtp_rcpt_check_quota = no
default_internal_user = dovecot
default_internal_group = dovecot
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = {home}/users
}}
userdb {{
  driver = passwd-file
  args = {home}/users
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
  unix_listener {home}/lmtp {{
    mode = 0666
  }}
}}
"""


class DovecotLmtp:
    """A running Dovecot LMTP service.

    Attributes:
        port: Where it listens.
        path: Its unix socket.
        known: The local parts that it stores for.
        over: A local part that is over its quota.
    """

    host = "127.0.0.1"
    known = ("ok-1", "ok-2", "ok-3")
    over = "over-1"

    def __init__(self, home: Path, port: int) -> None:
        self.port = port
        self.path = home / "lmtp"
        self._home = home

    def mail(self, local_part: str) -> Maildir:
        """Return what was delivered to a local part."""
        return Maildir(self._home / "mail" / local_part, self.log)

    def log(self) -> str:
        """Return what it logged."""
        return (self._home / "log").read_text(errors="replace")


@contextmanager
def running_dovecot_lmtp(command: str) -> Iterator[DovecotLmtp]:
    """Start a Dovecot with LMTP only, and stop it with everything it started.

    Args:
        command: The path of `dovecot`.
    """
    with open_home("run", "mail") as home:
        shutil.chown(home / "mail", "nobody", "nogroup")
        _write_users(home)
        port, conf = free_port(), home / "dovecot.conf"
        conf.write_text(_CONF.format(home=home, port=port))
        with running([command, "-F", "-c", str(conf)], port):
            yield DovecotLmtp(home, port)


def _write_users(home: Path) -> None:
    owner = (home / "mail").stat()
    lines = []
    for name in (*DovecotLmtp.known, DovecotLmtp.over):
        rule = "userdb_quota_rule=*:storage=1B" if name == DovecotLmtp.over else ""
        home_of = f"{home}/mail/{name}"
        lines.append(f"{name}::{owner.st_uid}:{owner.st_gid}::{home_of}::{rule}\n")
    (home / "users").write_text("".join(lines))
    (home / "users").chmod(0o644)
