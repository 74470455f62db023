"""What a transcript tells: frames that answer a question, and pictures of them.

Each function takes a transcript or the frame it needs, and returns a frame whose
columns are its contract; a picture is drawn from such a frame and nothing else.

This package knows nothing of sockets, sessions under way, or IPython.
"""

from __future__ import annotations

from smtpnb.analysis.codes import reply_codes
from smtpnb.analysis.dialogue import diff_dialogue
from smtpnb.analysis.pictures.dialogue import describe_dialogue, side_by_side
from smtpnb.analysis.pictures.waterfall import describe_waterfall, plot_waterfall
from smtpnb.analysis.status import StatusMeaning, status_meaning, status_table
from smtpnb.analysis.waterfall import waterfall

__all__ = [
    "describe_dialogue",
    "describe_waterfall",
    "diff_dialogue",
    "plot_waterfall",
    "reply_codes",
    "side_by_side",
    "waterfall",
]
