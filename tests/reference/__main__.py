"""``python -m tests.reference``: make notebooks/reference.ipynb and commands.md."""

from __future__ import annotations

from tests.reference import commands
from tests.reference.notebook import write

write()
commands.PATH.write_text(commands.page())
