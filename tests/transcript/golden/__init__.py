"""Files as each version of the schema first wrote them, and what stands in them.

They are never made again: every later version has to read these very octets. They were
made by `python -m tests.transcript.golden`, which refuses to replace them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

GOLDEN: Final = Path(__file__).parent
