"""What a transcript tells: frames that answer a question, and pictures of them.

Each function takes a transcript or the frame it needs, and returns a frame whose
columns are its contract; a picture is drawn from such a frame and nothing else.

This package knows nothing of sockets, sessions under way, or IPython.
"""

from __future__ import annotations

from smtpnb.analysis.compare.compare import compare
from smtpnb.analysis.compare.dialogue import diff_dialogue
from smtpnb.analysis.compare.plot_compare import describe_compare, plot_compare
from smtpnb.analysis.compare.plot_dialogue import describe_dialogue, side_by_side
from smtpnb.analysis.explain.explain import explain
from smtpnb.analysis.explain.explanation import Explanation
from smtpnb.analysis.hosts.capabilities import capabilities
from smtpnb.analysis.hosts.plot_capabilities import (
    describe_capabilities,
    plot_capabilities,
)
from smtpnb.analysis.hosts.plot_posture import describe_posture, plot_posture
from smtpnb.analysis.hosts.posture import tls_posture, tls_rules
from smtpnb.analysis.lint.lint import lint, lint_rules
from smtpnb.analysis.lint.plot_lint import describe_lint, plot_lint
from smtpnb.analysis.palettes import use_theme
from smtpnb.analysis.replies.classify import classify
from smtpnb.analysis.replies.codes import reply_codes
from smtpnb.analysis.replies.plot_classify import describe_classify, plot_classify
from smtpnb.analysis.replies.plot_codes import describe_reply_codes, plot_reply_codes
from smtpnb.analysis.replies.retries import retries
from smtpnb.analysis.replies.rule import Rule
from smtpnb.analysis.replies.status import StatusMeaning, status_meaning, status_table
from smtpnb.analysis.report.report import report
from smtpnb.analysis.times.anomalies import anomalies
from smtpnb.analysis.times.latency import latency, slowest
from smtpnb.analysis.times.plot_anomalies import describe_anomalies, plot_anomalies
from smtpnb.analysis.times.plot_latency import (
    describe_latency,
    describe_slowest,
    plot_latency,
    plot_slowest,
)
from smtpnb.analysis.times.plot_slo import describe_slo, plot_slo
from smtpnb.analysis.times.plot_spread import (
    describe_latency_by_hour,
    describe_latency_ecdf,
    plot_latency_by_hour,
    plot_latency_ecdf,
)
from smtpnb.analysis.times.plot_timeline import describe_timeline, plot_timeline
from smtpnb.analysis.times.plot_waterfall import describe_waterfall, plot_waterfall
from smtpnb.analysis.times.slo import slo
from smtpnb.analysis.times.spread import latency_by_hour, latency_ecdf
from smtpnb.analysis.times.timeline import timeline
from smtpnb.analysis.times.waterfall import waterfall

__all__ = [
    "Explanation",
    "Rule",
    "StatusMeaning",
    "anomalies",
    "capabilities",
    "classify",
    "compare",
    "describe_anomalies",
    "describe_capabilities",
    "describe_classify",
    "describe_compare",
    "describe_dialogue",
    "describe_latency",
    "describe_latency_by_hour",
    "describe_latency_ecdf",
    "describe_lint",
    "describe_posture",
    "describe_reply_codes",
    "describe_slo",
    "describe_slowest",
    "describe_timeline",
    "describe_waterfall",
    "diff_dialogue",
    "explain",
    "latency",
    "latency_by_hour",
    "latency_ecdf",
    "lint",
    "lint_rules",
    "plot_anomalies",
    "plot_capabilities",
    "plot_classify",
    "plot_compare",
    "plot_latency",
    "plot_latency_by_hour",
    "plot_latency_ecdf",
    "plot_lint",
    "plot_posture",
    "plot_reply_codes",
    "plot_slo",
    "plot_slowest",
    "plot_timeline",
    "plot_waterfall",
    "reply_codes",
    "report",
    "retries",
    "side_by_side",
    "slo",
    "slowest",
    "status_meaning",
    "status_table",
    "timeline",
    "tls_posture",
    "tls_rules",
    "use_theme",
    "waterfall",
]
