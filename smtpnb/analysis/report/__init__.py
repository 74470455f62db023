"""One session told to others, without the names of people if wanted."""

from __future__ import annotations
