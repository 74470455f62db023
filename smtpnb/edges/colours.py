"""The colours of words in HTML: legible on the white and on the dark of JupyterLab.

A colour only repeats what a word or a sign says. The colour-blind can tell blue, green
and vermilion apart; amber and red stand only beside words. Pictures have a ground
and colours of their own (`analysis.palettes`).

This module knows nothing of what is coloured.
"""

from __future__ import annotations

from typing import Final

# Each at least 4 to 1 against both grounds (WCAG 2's contrast).
BLUE: Final = "#3b82c4"
GREEN: Final = "#00875c"
AMBER: Final = "#ad6800"
RED: Final = "#d93a30"
VERMILION: Final = "#d05b00"
GREY: Final = "#7c7c7c"
