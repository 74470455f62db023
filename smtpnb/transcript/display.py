"""How a table of ours is shown: the columns one reads, and how many more there are.

The frame holds every column. Only what a cell or a terminal shows is shorter, and only
of a whole table: of a choice of columns, or of what was made of a table, everything is
shown, as pandas does it; with NO_LATEX, too (`schema.typeset_no_frames`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from smtpnb.transcript.schema import SHOWN, TABLES

if TYPE_CHECKING:
    from collections.abc import Callable

# A row is a line, in a terminal too: pandas would leave out the columns in the middle,
# which are the ones to read, or fold the table into blocks.
_IN_A_LINE: Final = (
    *("display.max_columns", None),
    *("display.max_colwidth", 24),
    *("display.expand_frame_repr", False),
)


class TableFrame(pd.DataFrame):
    """A frame that may be a table of ours; everything else is pandas'."""

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return TableFrame

    def _readable(self) -> tuple[pd.DataFrame, int]:
        """The columns to show, and how many are left out."""
        whole = pd.DataFrame(self)
        table = str(self.attrs.get("table"))
        if table not in TABLES:
            return whole, 0
        names = [column.name for column in TABLES[table]]
        if not set(names) <= set(self.columns):
            return whole, 0
        chosen = [name for name in SHOWN[table] if name != "host"]
        more = [name for name in self.columns if name not in names]
        if table == "sessions" or len(self["host"].unique()) > 1:
            chosen.insert(1, "host")
        chosen += more  # what a question has added
        return whole[chosen], len(self.columns) - len(chosen)

    def _repr_html_(self) -> str | None:
        shown, n_more = self._readable()
        html = shown._repr_html_()  # type: ignore[operator]
        return f"{html}\n<p>{_more(n_more)}</p>" if n_more and html else html

    def __repr__(self) -> str:
        shown, n_more = self._readable()
        if not n_more:
            return repr(shown)
        if "text" in shown:  # of several lines; pandas 2 would break the row there
            lines = shown["text"].str.replace("\n", r"\n", regex=False)
            shown = shown.assign(text=lines)
        with pd.option_context(*_IN_A_LINE):
            return f"{shown!r}\n{_more(n_more)}"


def _more(n: int) -> str:
    return f"{n} more columns: --all, or pd.DataFrame(...)"
