"""A Postfix of our own: its own configuration, queue and data, on a loopback port.

The system's Postfix is neither read nor touched, and nothing leaves this machine:
every transport but the maildir is an error, or ends in the maildir as well.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

from tests.servers.maildir import Maildir
from tests.support.tools import require_tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Recipients by their local part: one of each kind, and families of them.
_MAIN = """\
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.test
mydomain = test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_header_rewrite_clients =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = example.test
virtual_mailbox_base = {home}/mail
virtual_mailbox_maps = inline:{{ {{bob@example.test = bob/}}, {{slow@example.test = bob/}}, {{later@example.test = bob/}}, {{bob@example.net = bob/}} }}, regexp:{{ {{/^(ok|slow)-.*@example[.]test$$/ many/}} }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
relayhost =
default_transport = {elsewhere}
relay_transport = error:nothing leaves
maillog_file = {home}/data/maillog
maillog_file_prefixes = {home}
smtpd_relay_restrictions = {permit} reject_unauth_destination
smtpd_recipient_restrictions = {permit}
    check_recipient_access inline:{{ {{later@example.test = 450 4.2.0 Mailbox busy}}, {{slow@example.test = sleep 1}} }},
    check_recipient_access regexp:{{ {{/^later-/ 450 4.2.0 Mailbox busy}}, {{/^slow-/ sleep 1}} }},
    reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_chain_files = {home}/etc/tls.pem
smtpd_tls_session_cache_database =
"""  # noqa: E501  # one table a line
# Who has logged in may relay; nobody else may, and nobody may log in without TLS.
_SASL = """\
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{port}
smtpd_tls_auth_only = yes
"""
# By Cyrus SASL, from a database of its own; in clear as well: a relay of the tests
# stands in between and changes what it says.
_CYRUS = """\
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
cyrus_sasl_config_path = {home}/etc/sasl
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = mx.test
smtpd_sasl_security_options = noanonymous
"""
_CYRUS_OWN = """\
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {home}/etc/sasl/sasldb2
mech_list: PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-512 NTLM
"""
# Who may say whose mail it is; and a second port, behind a proxy.
_TRUSTING = """\
inet_protocols = all
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_authorized_xforward_hosts = 127.0.0.0/8
"""
_PROXIED = """\
127.0.0.1:{port} inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy
"""
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
postlog   unix-dgram n - n - 1 postlogd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
tlsmgr    unix - - n 1000? 1 tlsmgr
showq     unix n - n - - showq
"""


class Postfix:
    """A running Postfix.

    Attributes:
        port: Where its smtpd listens.
        ca: PEM text of the CA of its certificate, whose name is localhost.
        bob: What it delivered to bob@, slow@ and later@example.test, and to
            bob@example.net, to which only who has logged in may send.
        mail: What it delivered to names that begin with ok- or slow-.
    """

    host = "localhost"

    def __init__(self, home: Path, port: int, ca: str) -> None:
        self.port = port
        self.ca = ca
        self.bob = Maildir(home / "mail" / "bob", self.log)
        self.mail = Maildir(home / "mail" / "many", self.log)
        self._home = home

    def delivered(self, n: int = 1) -> list[bytes]:
        """Wait until n messages are in the maildir of bob; return all as stored."""
        return self.bob.wait_for(n)

    def log(self) -> str:
        """Return what Postfix logged."""
        return (self._home / "data" / "maillog").read_text(errors="replace")


@contextmanager
def running_postfix(
    command: str,
    *names: str,
    sasl: int = 0,
    accounts: Mapping[str, str] | None = None,
    proxied: int = 0,
) -> Iterator[Postfix]:
    """Start a Postfix, and stop it with everything it started.

    Args:
        command: The path of the `postfix` command.
        names: Of its certificate, beside localhost.
        sasl: The port of a Dovecot that knows who may log in; then only who has
            logged in may send to other domains.
        accounts: Users and passwords that Cyrus SASL knows, by every mechanism it has.
        proxied: A second port, where a PROXY header comes first; then XCLIENT and
            XFORWARD are trusted as well.
    """
    # Not tmp_path: Postfix wants a folder that others may enter, all the way up.
    home = Path(tempfile.mkdtemp(prefix="smtpnb-postfix-"))
    try:
        port, ca = _configure(home, names, sasl)
        if accounts:
            _configure_cyrus(home, accounts)
        if proxied:
            with (home / "etc" / "main.cf").open("a") as main:
                main.write(_TRUSTING)
            with (home / "etc" / "master.cf").open("a") as master:
                master.write(_PROXIED.format(port=proxied))
        start = [command, "-c", str(home / "etc")]
        done = subprocess.run(
            [*start, "start"], capture_output=True, text=True, check=False, timeout=30
        )
        if done.returncode:
            raise AssertionError(f"postfix did not start: {done.stderr}")
        try:
            yield Postfix(home, port, ca)
        finally:
            subprocess.run(
                [*start, "stop"], capture_output=True, check=True, timeout=30
            )
    finally:
        shutil.rmtree(home)


def _configure(home: Path, names: tuple[str, ...], sasl: int) -> tuple[int, str]:
    home.chmod(0o755)
    owner, nobody = pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
    for name in ("etc", "queue", "data", "mail"):
        (home / name).mkdir(mode=0o755)
    os.chown(home / "data", owner.pw_uid, owner.pw_gid)
    os.chown(home / "mail", nobody.pw_uid, nobody.pw_gid)
    with socket.create_server(("127.0.0.1", 0)) as finder:
        port = int(finder.getsockname()[1])
    ca = trustme.CA()
    chain = ca.issue_cert("localhost", *names).private_key_and_cert_chain_pem
    (home / "etc" / "tls.pem").write_bytes(chain.bytes())
    main = _MAIN.format(
        home=home,
        uid=nobody.pw_uid,
        gid=nobody.pw_gid,
        daemons="/usr/lib/postfix/sbin",
        permit="permit_sasl_authenticated," if sasl else "",
        elsewhere="virtual" if sasl else "error:nothing leaves",
    )
    if sasl:
        main += _SASL.format(port=sasl)
    (home / "etc" / "main.cf").write_text(main)
    (home / "etc" / "master.cf").write_text(_MASTER.format(port=port))
    return port, ca.cert_pem.bytes().decode()


def _configure_cyrus(home: Path, accounts: Mapping[str, str]) -> None:
    folder = home / "etc" / "sasl"
    folder.mkdir(mode=0o755)
    (folder / "smtpd.conf").write_text(_CYRUS_OWN.format(home=home))
    for user, password in accounts.items():
        add = [require_tool("saslpasswd2"), "-p", "-c", "-u", "mx.test"]
        subprocess.run(
            [*add, "-f", str(folder / "sasldb2"), user],
            input=password.encode(),
            check=True,
            timeout=30,
        )
    (folder / "sasldb2").chmod(0o644)  # passwords of nobody
    with (home / "etc" / "main.cf").open("a") as main:
        main.write(_CYRUS.format(home=home))
