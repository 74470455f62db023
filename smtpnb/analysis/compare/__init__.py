"""Two servers, or two days of one: where they differ."""

from __future__ import annotations
