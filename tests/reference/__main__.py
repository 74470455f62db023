"""``python -m tests.reference``: make notebooks/reference.ipynb."""

from __future__ import annotations

from tests.reference.notebook import write

write()
