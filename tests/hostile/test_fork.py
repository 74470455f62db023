"""A child of `fork` holds a copy of a connection, and must not touch it."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: pytest has threads, and a fork would copy their locks.
_FORKS = """
import os
from smtpnb import LocalProtocolError, Sandbox, SmtpClient

def refused(use):
    try:
        use()
    except LocalProtocolError as error:
        return "make a new one" in str(error)

with Sandbox() as sandbox:
    client = SmtpClient()
    client.connect(sandbox)
    client.ehlo("parent.example")
    child = os.fork()
    if child == 0:
        uses = (client.noop, client.quit, client.disconnect, client.connect)
        good = all([refused(use) for use in uses])
        client.cancel()  # does nothing here
        other = SmtpClient()
        other.connect(sandbox)
        good &= other.quit().code == 221
        del client, other
        os._exit(0 if good else 1)
    _, status = os.waitpid(child, 0)
    assert client.noop().ok  # the parent goes on
    assert client.quit().code == 221
    assert os.waitstatus_to_exitcode(status) == 0
    verbs = list(client.transcript.exchanges()["verb"].dropna())
    assert verbs == ["EHLO", "NOOP", "QUIT"], verbs
"""


def test_a_child_of_fork_is_refused_and_the_parent_goes_on() -> None:
    ignore = "ignore:This process:DeprecationWarning"  # 3.12 warns of any such fork
    subprocess.run([sys.executable, "-W", ignore, "-c", _FORKS], check=True, timeout=60)
