"""A Dovecot that does nothing but say who may log in, for a Postfix to ask.

Its configuration and log are in a folder of its own.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.servers.process import free_port, open_home, running

if TYPE_CHECKING:
    from collections.abc import Iterator

USER: Final = "ann"
PASSWORD: Final = "the-password-of-ann"
_CONF: Final = """\
base_dir = {home}/run
state_dir = {home}/run
log_path = {home}/log
protocols =
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
passdb {{
  driver = passwd-file
  args = {home}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={home}
}}
service auth {{
  inet_listener {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""


@contextmanager
def running_dovecot_auth(command: str) -> Iterator[int]:
    """Start it, and stop it with everything it started; yield its port.

    Args:
        command: The path of `dovecot`.
    """
    with open_home("run") as home:
        (home / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        (home / "users").chmod(0o644)
        port, conf = free_port(), home / "dovecot.conf"
        conf.write_text(_CONF.format(home=home, port=port))
        with running([command, "-F", "-c", str(conf)], port):
            yield port
