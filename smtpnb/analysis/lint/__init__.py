"""How a server keeps the RFCs, judged from a transcript."""

from __future__ import annotations
