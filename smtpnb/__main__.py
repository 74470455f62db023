"""``python -m smtpnb``: the command line."""

from __future__ import annotations

from smtpnb.commandline import main

if __name__ == "__main__":
    raise SystemExit(main())
