"""What hosts offer and how well they do TLS."""

from __future__ import annotations
