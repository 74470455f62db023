"""An Exim of our own: its own program, configuration, spool and log, on loopback.

Debian's packages of Exim and Postfix exclude each other, so this one is unpacked and
not installed (`.ci/exim`). It runs as the user that is compiled into it and never as
root: it gives up its rights for a configuration that is not the system's, and with
unprivileged ports and a spool of its own it needs none.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trustme

from tests.servers.maildir import Maildir
from tests.servers.process import free_port, open_home, running

if TYPE_CHECKING:
    from collections.abc import Iterator

USER: Final = "Debian-exim"
_ROOT: Final = Path(__file__).parents[2] / ".cache" / "exim" / "root"

# Recipients by their local part, as in Postfix's configuration.
_CONF: Final = """\
exim_path = {home}/exim4
add_environment = LD_LIBRARY_PATH={libraries}
keep_environment =
deliver_drop_privilege
exim_user = {user}
exim_group = {user}
spool_directory = {home}/spool
log_file_path = {home}/log/%slog
pid_file_path = {home}/exim.pid
primary_hostname = exim.test
qualify_domain = exim.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = {per_connection}
smtp_accept_max_nonmail = {nonmail}
host_lookup =
rfc1413_hosts =
helo_allow_chars = _
pipelining_advertise_hosts = *
pipelining_connect_advertise_hosts =
chunking_advertise_hosts = *
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
prdr_enable
accept_8bitmime
tls_advertise_hosts = *
tls_certificate = {home}/tls.pem
tls_privatekey = {home}/tls.pem
acl_smtp_rcpt = rcpt
acl_smtp_data_prdr = prdr
message_size_limit = 100M
ignore_bounce_errors_after = 0s
keep_malformed = 1d

begin acl
rcpt:
  deny    !domains = example.test
          message = relay not permitted
  deny    local_parts = ^no
          message = 550 5.1.1 Unrouteable address
  defer   local_parts = ^later
          message = 450 4.2.0 Mailbox busy
  drop    local_parts = ^drop
          message = 550 5.7.1 closing now
  warn    local_parts = ^slow
          delay = 1s
  accept

prdr:
  deny    local_parts = ^over
          message = 552 5.2.2 Over quota
  accept

begin routers
mail:
  driver = accept
  domains = example.test
  transport = maildir

begin transports
maildir:
  driver = appendfile
  directory = {home}/mail
  maildir_format
  envelope_to_add
  create_directory
"""

# ANN and PASSWORD: who may log in. There are no braces to spare for str.format here.
_AUTHENTICATORS: Final = """
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{ANN}}{eq{$auth3}{PASSWORD}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${if and{{eq{$auth1}{ANN}}{eq{$auth2}{PASSWORD}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${if eq{$auth1}{ANN}{PASSWORD}fail}
  server_set_id = $auth1
"""


class Exim:
    """A running Exim.

    Attributes:
        port: Where it listens.
        ca: PEM text of the CA of its certificate, whose name is localhost.
        mail: What it delivered.
    """

    host = "localhost"

    def __init__(self, home: Path, port: int, ca: str) -> None:
        self.port = port
        self.ca = ca
        self.mail = Maildir(home / "mail", self.log)
        self._home = home

    def log(self) -> str:
        """Return what Exim logged."""
        logs = sorted((self._home / "log").iterdir())
        return "\n".join(log.read_text(errors="replace") for log in logs)


def find_exim() -> str | None:
    """Return the path of the program, or None where `.ci/exim` has not run."""
    program = _ROOT / "usr" / "sbin" / "exim4"
    return str(program) if program.exists() else None


@contextmanager
def running_exim(
    command: str,
    *names: str,
    per_connection: int = 1000,
    nonmail: int = 10,
    account: tuple[str, str] | None = None,
) -> Iterator[Exim]:
    """Start an Exim, and stop it with everything it started.

    Args:
        command: The path of the program.
        names: Of its certificate, beside localhost.
        per_connection: How many messages it takes on one; then it says 421.
        nonmail: How many commands beside mail it bears (NOOP, and every RSET but the
            first for each message); then it says 554 and closes.
        account: A user and a password, for AUTH; None: it offers none.
    """
    with open_home("spool", "log", "mail") as home:
        for name in ("spool", "log", "mail"):
            shutil.chown(home / name, USER, USER)
        shutil.copy(command, home / "exim4")  # where its own user can reach it
        ca = trustme.CA()
        chain = ca.issue_cert("localhost", *names).private_key_and_cert_chain_pem
        (home / "tls.pem").write_bytes(chain.bytes())
        port, conf = free_port(), home / "exim.conf"
        libraries = home / "lib"
        libraries.mkdir()
        for library in _ROOT.glob("usr/lib/*/*.so.*"):
            shutil.copy(library, libraries)
        given = {"home": home, "port": port, "user": USER, "libraries": libraries}
        limits = {"per_connection": per_connection, "nonmail": nonmail}
        text = _CONF.format(**given, **limits)
        if account is not None:
            name, password = account
            text += _AUTHENTICATORS.replace("ANN", name).replace("PASSWORD", password)
        conf.write_text(text)
        start = [str(home / "exim4"), "-C", str(conf), "-bdf", "-q1m"]
        environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries)}
        with running(start, port, user=USER, env=environment):
            yield Exim(home, port, ca.cert_pem.bytes().decode())
