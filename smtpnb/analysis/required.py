"""A table that lacks what a question needs, told in words instead of by pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd


class LacksColumns(KeyError, ValueError):  # what is wrong, in words
    """A table lacks columns: it is another one, or not one of ours."""

    def __str__(self) -> str:
        return str(self.args[0])


def required(frame: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Return a table that has these columns.

    Raises:
        LacksColumns: It has not. It is a KeyError and a ValueError.
    """
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise LacksColumns(
            f"there is no column {', '.join(missing)} in this table: give a "
            "transcript, or one of its tables"
        )
    return frame
