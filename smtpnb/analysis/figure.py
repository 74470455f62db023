"""A figure that shows itself, and its text for those who cannot see it.

matplotlib's own figures show themselves only once pyplot and its inline backend are
set up; this one needs neither. Loads matplotlib: import it only where one is drawn.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from matplotlib.figure import Figure

DPI = 110


class ShownFigure(Figure):
    """A figure with an alternative text.

    Attributes:
        alt: What the figure shows, in words.
    """

    alt = ""

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        octets = BytesIO()
        self.savefig(octets, format="png", dpi=DPI)
        data = {"image/png": octets.getvalue(), "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt}}
