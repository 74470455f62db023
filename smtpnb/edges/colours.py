"""The colours of words in HTML: legible in light and in dark, whoever shows the page.

No colour has 4.5 to 1 (WCAG 2, AA) against both white and JupyterLab's dark #111. So a
word is mixed with the colour of the text around it: darker in light, lighter in dark. A
browser or a sanitiser that does not know `color-mix` takes the plain colour.

A colour only repeats what a word or a sign says. The colour-blind can tell blue, green
and vermilion apart; amber and red stand only beside words. Pictures have a ground
and colours of their own (`analysis.palettes`).

This module knows nothing of what is coloured.
"""

from __future__ import annotations

from typing import Final

BLUE: Final = "#3f8acb"
GREEN: Final = "#00905f"
AMBER: Final = "#b87000"
RED: Final = "#e04a40"
VERMILION: Final = "#d66000"
GREY: Final = "#808080"
PERCENT: Final = 58  # of the colour; the rest is the text around it


def of_words(colour: str) -> str:
    """Return the CSS that gives words a colour.

    Example:
        >>> of_words(RED)
        'color:#e04a40;color:color-mix(in srgb,#e04a40 58%,currentColor)'
    """
    mixed = f"color-mix(in srgb,{colour} {PERCENT}%,currentColor)"
    return f"color:{colour};color:{mixed}"
