"""What an experienced postmaster would say of a reply or a session."""

from __future__ import annotations
