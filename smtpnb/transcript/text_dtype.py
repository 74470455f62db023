"""The type of a column of text: pandas 3's own, also where pandas is older.

pandas 2.2, which Colab has, knows the same type by another name.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd


def _text() -> Any:
    kind: Any = pd.StringDtype
    try:
        return kind("pyarrow", na_value=np.nan)
    except TypeError:  # pandas 2.2
        return kind("pyarrow_numpy")


# `str` as pandas 3 has it: Arrow's octets, and NaN where nothing is.
TEXT: Final = _text()
