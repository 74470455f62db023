"""Messages over a connection: how they leave, and the books of what became of them."""

from __future__ import annotations
