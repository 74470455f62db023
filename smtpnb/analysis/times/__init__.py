"""How long things took: replies, sessions, and whether that is as it was."""

from __future__ import annotations
