from __future__ import annotations

import pytest

from smtpnb.edges import colours

COLOURS = [value for name, value in vars(colours).items() if name.isupper()]


def _luminance(colour: str) -> float:
    """The relative luminance of a colour by WCAG 2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
              for c in parts]  # fmt: skip
    return sum(map(float.__mul__, (0.2126, 0.7152, 0.0722), linear))


@pytest.mark.parametrize("ground", ["#ffffff", "#111111"])
@pytest.mark.parametrize("colour", COLOURS)
def test_words_in_a_colour_can_be_read_on_either_ground(
    colour: str, ground: str
) -> None:
    low, high = sorted((_luminance(colour), _luminance(ground)))
    assert (high + 0.05) / (low + 0.05) >= 4
