"""What a user hands over to be sent, and what became of it. Pure values."""

from __future__ import annotations
