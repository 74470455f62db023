"""The sandbox: a real local SMTP server that can misbehave on purpose.

Its inbox is a DataFrame. The layer stands on aiosmtpd and knows nothing of smtpnb's
client, transcript or notebook::

    Sandbox      server.py        thread, loop, socket, lifecycle
    Session      session.py       the loop over commands
    Connection   connection.py    octets, TLS, faults applied
    Dialogue     dialogue.py      the reply to each command, without I/O
    Fault        faults.py        what goes wrong, and when
    Inbox        inbox.py         what was taken, as a table
    Book         heard.py         what was said and answered, as a table
                 content.py       DATA and BDAT in blocks
                 paths.py         arguments of MAIL and RCPT
                 accounts.py      who may log in
                 mechanisms.py    AUTH, as a server speaks it
                 certificates.py  a throw-away authority
"""

from __future__ import annotations

from smtpnb.sandbox.faults import Fault
from smtpnb.sandbox.server import Sandbox

__all__ = ["Fault", "Sandbox"]
