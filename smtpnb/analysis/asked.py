"""A picture takes what its question takes: a transcript, or the answer itself.

This module knows nothing of any question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import pandas as pd

    from smtpnb.analysis.inputs import Source


def answer_to(
    question: Callable[[Source], pd.DataFrame], given: Source, columns: Collection[str]
) -> pd.DataFrame:
    """Return what a question answers, asking it only where that was not done yet.

    Args:
        question: From a transcript or a table of it to a frame.
        given: Such a frame, or what the question takes.
        columns: By which its frames are known: columns, or levels of the index.
    """
    import pandas as pd  # loaded only when used

    if isinstance(given, pd.DataFrame):
        names = {*given.columns, *given.index.names}
        if names >= {*columns}:
            return given
    return question(given)
