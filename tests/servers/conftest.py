from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.servers import dovecot_sasl
from tests.servers.aio import running_aiosmtpd
from tests.servers.dovecot import Dovecot, running_dovecot
from tests.servers.dovecot_auth import running_dovecot_auth
from tests.servers.dovecot_lmtp import DovecotLmtp, running_dovecot_lmtp
from tests.servers.exim import USER, Exim, find_exim, running_exim
from tests.servers.postfix import Postfix, running_postfix
from tests.servers.smtp_sink import running_sink
from tests.support.tools import do_without, require_tool

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def postfix() -> Iterator[Postfix]:
    command = require_tool("postfix")
    if os.geteuid() != 0:
        do_without("Postfix starts as root only")
    with running_postfix(command) as server:
        yield server


@pytest.fixture(scope="session")
def submission() -> Iterator[Postfix]:
    """A Postfix with STARTTLS and AUTH: ann has the password of `dovecot_auth`."""
    command = require_tool("postfix")
    dovecot = require_tool("dovecot")
    if os.geteuid() != 0:
        do_without("Postfix starts as root only")
    with (
        running_dovecot_auth(dovecot) as port,
        running_postfix(command, sasl=port) as server,
    ):
        yield server


def _exim_program() -> str:
    command = find_exim()
    if command is None:
        do_without("Exim is not here (.ci/exim fetches it)")
    if os.geteuid() != 0:
        do_without(f"Exim starts as {USER} only, which only root may become")
    return command


@pytest.fixture(scope="session")
def exim() -> Iterator[Exim]:
    with running_exim(_exim_program()) as server:
        yield server


@pytest.fixture(scope="session")
def patient_exim() -> Iterator[Exim]:
    """An Exim that does not mind many commands beside mail."""
    with running_exim(_exim_program(), nonmail=1000) as server:
        yield server


@pytest.fixture(scope="session")
def exim_of_mechanisms() -> Iterator[Exim]:
    """An Exim that knows ann."""
    account = ("ann", dovecot_sasl.PASSWORD)
    with running_exim(_exim_program(), account=account) as server:
        yield server


@pytest.fixture(scope="session")
def sink() -> Iterator[int]:
    with running_sink(require_tool("smtp-sink")) as port:
        yield port


@pytest.fixture(scope="session")
def aiosmtpd() -> Iterator[int]:
    with running_aiosmtpd() as port:
        yield port


@pytest.fixture(scope="session")
def dovecot(sink: int) -> Iterator[Dovecot]:
    command = require_tool("dovecot")
    if os.geteuid() != 0:
        do_without("Dovecot starts as root only")
    with running_dovecot(command, sink) as server:
        yield server


@pytest.fixture(scope="session")
def cyrus() -> Iterator[Postfix]:
    """A Postfix with Cyrus SASL, which knows ann."""
    require_tool("saslpasswd2")
    command = require_tool("postfix")
    if os.geteuid() != 0:
        do_without("Postfix starts as root only")
    with running_postfix(command, accounts={"ann": dovecot_sasl.PASSWORD}) as server:
        yield server


@pytest.fixture(scope="session")
def dovecot_of_mechanisms(sink: int) -> Iterator[dovecot_sasl.DovecotSasl]:
    """A Dovecot that speaks every mechanism it has."""
    command = require_tool("dovecot")
    if os.geteuid() != 0:
        do_without("Dovecot starts as root only")
    with dovecot_sasl.running_dovecot_sasl(command, sink) as server:
        yield server


@pytest.fixture(scope="session")
def lmtp() -> Iterator[DovecotLmtp]:
    require_tool("lmtp")  # Dovecot's service, a package of its own
    if os.geteuid() != 0:
        do_without("Dovecot starts as root only")
    with running_dovecot_lmtp(require_tool("dovecot")) as server:
        yield server
