"""What replies mean: registered codes, classes of refusals, repeated attempts."""

from __future__ import annotations
