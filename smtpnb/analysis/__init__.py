"""What a transcript tells: frames that answer a question, and pictures of them.

Each function takes a transcript or the frame it needs, and returns a frame whose
columns are its contract; a picture is drawn from such a frame and nothing else.

This package knows nothing of sockets, sessions under way, or IPython.
"""

from __future__ import annotations

from smtpnb.analysis.capabilities import capabilities
from smtpnb.analysis.codes import reply_codes
from smtpnb.analysis.dialogue import diff_dialogue
from smtpnb.analysis.latency import latency, slowest
from smtpnb.analysis.pictures.codes import describe_reply_codes, plot_reply_codes
from smtpnb.analysis.pictures.dialogue import describe_dialogue, side_by_side
from smtpnb.analysis.pictures.latency import (
    describe_latency,
    describe_slowest,
    plot_latency,
    plot_slowest,
)
from smtpnb.analysis.pictures.waterfall import describe_waterfall, plot_waterfall
from smtpnb.analysis.posture import tls_posture, tls_rules
from smtpnb.analysis.status import StatusMeaning, status_meaning, status_table
from smtpnb.analysis.waterfall import waterfall

__all__ = [
    "StatusMeaning",
    "capabilities",
    "describe_dialogue",
    "describe_latency",
    "describe_reply_codes",
    "describe_slowest",
    "describe_waterfall",
    "diff_dialogue",
    "latency",
    "plot_latency",
    "plot_reply_codes",
    "plot_slowest",
    "plot_waterfall",
    "reply_codes",
    "side_by_side",
    "slowest",
    "status_meaning",
    "status_table",
    "tls_posture",
    "tls_rules",
    "waterfall",
]
