"""How long a test waits before it says that something does not end.

A bound in a test tells "at once" from "never", or from a limit that lies far away. How
fast "at once" is, is measured by `make bench`: in a test it would measure what else the
machine is doing.
"""

from __future__ import annotations

from typing import Final

# Seconds: far more than a busy machine needs, far less than any limit of smtpnb that
# would end the same call.
AT_ONCE: Final = 8.0
