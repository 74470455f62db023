"""The colours of pictures: one set for light ground, one for dark, each legible there.

Both are made after Okabe and Ito's set, which the colour-blind can tell apart. Words
have at least 4.5 to 1 against what they stand on, and what is drawn at least 3 to 1
(WCAG 2.2, 1.4.3 and 1.4.11, level AA): a test computes it. So the light set is darker
than the original, and the dark one lighter.

A picture is a card with a ground of its own: light, unless `theme="dark"` is said, or
`use_theme("dark")` for all to come. Drawn on somebody's axes it takes the set that can
be read on their ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Theme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by what they are for.

    Attributes:
        ground: Of the card.
        ink: Of words and axes.
        faint: Of grids, which may be overlooked.
        blue: This and the next ones are of what is drawn.
        good: This and the next three are of cells with a word in them.
        counts: The scale of cells, from none to many.
        refusals: The same for what went wrong.
    """

    ground: str
    ink: str
    faint: str
    blue: str
    sky: str
    green: str
    yellow: str
    orange: str
    vermilion: str
    red: str
    purple: str
    grey: str
    good: str
    half: str
    bad: str
    empty: str
    counts: tuple[str, ...]
    refusals: tuple[str, ...]


LIGHT: Final = Palette(
    ground="#ffffff",
    ink="#1a1a1a",
    faint="#dddddd",
    blue="#0072b2",
    sky="#2f8fcb",
    green="#00875f",
    yellow="#8d7d00",
    orange="#b97400",
    vermilion="#d05000",
    red="#8c1d18",
    purple="#a8467f",
    grey="#767676",
    good="#b9e3d5",
    half="#f8f1a6",
    bad="#f3c3a0",
    empty="#ffffff",
    counts=("#ffffff", "#d9ebf7", "#8cc3e8", "#0072b2", "#00304d"),
    refusals=("#ffffff", "#fde3c8", "#f9b26c", "#d55e00", "#6b2f00"),
)
DARK: Final = Palette(
    ground="#15191e",
    ink="#e8e8e8",
    faint="#3a4149",
    blue="#4a9fe0",
    sky="#7cc8f2",
    green="#2bbf92",
    yellow="#f0e442",
    orange="#e69f00",
    vermilion="#f58549",
    red="#ff9d94",
    purple="#d98bb8",
    grey="#9a9a9a",
    good="#134e3d",
    half="#584a00",
    bad="#6e2d0c",
    empty="#15191e",
    counts=("#15191e", "#12354e", "#1b5f8f", "#4a9fe0", "#c4e4fa"),
    refusals=("#15191e", "#48220d", "#93430f", "#f58549", "#ffe0cb"),
)
_THEMES: Final[dict[str, Palette]] = {"light": LIGHT, "dark": DARK}
_default: list[Palette] = [LIGHT]


def use_theme(theme: Theme) -> None:
    """Draw all pictures that name no theme of their own in this one.

    Args:
        theme: "light", as it is at first, or "dark".

    Raises:
        ValueError: It is neither.
    """
    _default[:] = [palette_of(theme)]


def palette_of(theme: Theme | None) -> Palette:
    """Return the colours of a theme, or of the one in use.

    Raises:
        ValueError: There is no such theme.
    """
    if theme is None:
        return _default[0]
    if theme not in _THEMES:
        raise ValueError(f"theme is 'light' or 'dark', not {theme!r}")
    return _THEMES[theme]


def palette_on(ax: Axes) -> Palette:
    """Return the colours that can be read on the ground of some axes."""
    from matplotlib.colors import to_rgba  # loaded only when used

    root = ax.get_figure(root=True)
    grounds = [ax.get_facecolor(), root.get_facecolor() if root else LIGHT.ground]
    seen = [ground for ground in grounds if to_rgba(ground)[3] >= 0.5]
    return LIGHT if not seen or _luminance(seen[0]) > _MIDDLE else DARK


_MIDDLE: Final = 0.179  # black and white have the same contrast against it


def contrast(one: Any, other: Any) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable_on(colour: Any) -> str:
    """Return black or white, whichever reads better on a colour."""
    return "#000000" if _luminance(colour) > _MIDDLE else "#ffffff"


def _luminance(colour: Any) -> float:
    from matplotlib.colors import to_rgb  # loaded only when used

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
              for c in to_rgb(colour)]  # fmt: skip
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
