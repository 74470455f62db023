"""How strangers' text and files come in and go out."""

from __future__ import annotations
