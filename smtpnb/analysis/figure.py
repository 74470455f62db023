"""A figure that shows itself, and its text for those who cannot see it.

matplotlib's own figures show themselves only once pyplot and its inline backend are
set up; this one needs neither. Loads matplotlib: import it only where one is drawn.
"""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import Any

from matplotlib.figure import Figure
from PIL import Image  # which matplotlib needs as well

from smtpnb.edges.text import for_html

DPI = 110


class ShownFigure(Figure):
    """A figure with an alternative text, opaque on whatever ground it stands.

    Attributes:
        alt: What the figure shows, in words.
    """

    alt = ""

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        png = self._png()
        words = for_html(self.alt)
        # JupyterLab and nbconvert's page have no alternative text for an image/png,
        # whatever its metadata say; in HTML it arrives. The image is for the others.
        source = f"data:image/png;base64,{b64encode(png).decode()}"
        html = f'<img alt="{words}" style="max-width:100%" src="{source}">'
        data = {"text/html": html, "image/png": png, "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt}}

    def _png(self) -> bytes:
        """The picture, in the 256 colours that serve it best: a third of the octets."""
        drawn, small = BytesIO(), BytesIO()
        ground = self.get_facecolor()
        self.savefig(drawn, format="png", dpi=DPI, facecolor=ground, transparent=False)
        picture = Image.open(drawn).convert("RGB")
        picture.quantize(256, dither=Image.Dither.NONE).save(small, "PNG")
        return small.getvalue()
