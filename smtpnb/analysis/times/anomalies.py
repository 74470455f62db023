"""What is not as it was: replies that took far longer, codes and texts never seen.

Latencies are compared on a logarithmic scale, by their median and the median of their
deviations from it: a few slow replies must not make slowness normal, as they would in a
mean. Without a baseline an exchange is compared with its own kind, and nothing is new.

This module knows nothing of pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smtpnb.analysis.inputs import table_of
from smtpnb.analysis.replies.kinds import kinds
from smtpnb.analysis.required import required

if TYPE_CHECKING:
    import pandas as pd

    from smtpnb.analysis.inputs import Source

# Iglewicz and Hoaglin's threshold for a modified z-score.
THRESHOLD: Final = 3.5
_LEAST_KNOWN: Final = 8  # replies without which a median means little
_SIGMA: Final = 1.4826  # of a normal distribution, by its median absolute deviation
_LEAST_SIGMA: Final = 0.1  # a tenth more is never an anomaly by itself
_LEAST_MS: Final = 0.001  # the clock's resolution
# A new refusal weighs as much as z = 10, another new code 5, a new text 3.
_SCORES: Final = {"refused": 10.0, "code": 5.0, "text": 3.0}
_GROUP: Final = ["host", "port", "step"]
# Replies to groups of commands queue, and are compared with their like alone.
_TIMED: Final = [*_GROUP, "pipelined"]
_OF_ALL: Final = ["step", "pipelined"]
_COLUMNS: Final = (
    "host",
    "port",
    "step",
    "metric",
    "what",
    "value",
    "baseline",
    "robust_z",
    "first_seen",
    "score",
)


def anomalies(
    source: Source, baseline: Source | None = None, *, threshold: float = THRESHOLD
) -> pd.DataFrame:
    """Return the exchanges, codes and texts that stand out, the worst first.

    Args:
        source: A transcript, or a frame of its `events()` or `exchanges()`.
        baseline: What is normal, in the same form; None: the source itself.
        threshold: The robust z-score above which a latency stands out.

    Returns:
        `host`, `port` (null: the table does not tell), `step`, `metric` and `what`, of
        which there are three: "latency_ms" (a row for each slow exchange; its
        session_id), "code" (one that the host never gave at this step in the baseline;
        null: no reply) and "text" (a new text with a known code). `value` (the
        latency, or how often), `baseline` (the median, or 0), `robust_z` (NaN for what
        is new), `first_seen` (when), `score`. What is new is told only of hosts and
        ports that the baseline knows, slowness only where it knows eight replies (of
        the host at the step, or else of all hosts).

    Raises:
        KeyError: A frame lacks a column.
    """
    import pandas as pd  # loaded only when used

    exchanges = _keyed(_exchanges(source))
    if baseline is None:
        found = [_slow(exchanges, exchanges, threshold)]
    else:
        known = _keyed(_exchanges(baseline))
        found = [_slow(exchanges, known, threshold)]
        exchanges = exchanges[_met(exchanges, known)]
        codes = _new(exchanges, known, "number")
        found += [_told(codes, "code"), _told(_new_texts(exchanges, known), "text")]
    frames = [frame for frame in found if len(frame)] or found[:1]
    table = pd.concat(frames, ignore_index=True)
    text = exchanges["text"].dtype
    table = table.astype(dict.fromkeys(("host", "step", "metric", "what"), text))
    table["port"] = table["port"].where(table["port"] >= 0).astype("Int32")
    return table.sort_values("score", ascending=False, kind="stable", ignore_index=True)


def _exchanges(source: Source) -> pd.DataFrame:
    columns = ("host", "step", "pipelined", "latency_ms", "code", "text", "ts")
    return required(table_of(source, "exchanges"), columns)


def _keyed(exchanges: pd.DataFrame) -> pd.DataFrame:
    """Return exchanges with keys that are never null, of the same types everywhere."""
    import pandas as pd  # loaded only when used

    text = exchanges["text"].dtype
    keys = {n: exchanges[n].astype(text).fillna("none") for n in ("host", "step")}
    if "port" in exchanges.columns:
        keys["port"] = exchanges["port"].fillna(-1).astype("int64")
    else:
        keys["port"] = pd.Series(-1, exchanges.index)
    keys["pipelined"] = exchanges["pipelined"].fillna(value=False).astype(bool)
    number = exchanges["code"].fillna(0).astype("int64")
    kind = kinds(exchanges["text"]).fillna("")
    keyed = exchanges.assign(number=number, kind=kind, **keys)
    return keyed.reset_index(drop=True)


def _met(exchanges: pd.DataFrame, known: pd.DataFrame) -> Any:
    """Where the baseline knows the host and port."""
    keys = ["host", "port"]
    ends = known[keys].drop_duplicates()
    both = exchanges[keys].merge(ends, how="left", indicator=True)
    return (both["_merge"] == "both").to_numpy()


def _slow(
    exchanges: pd.DataFrame, known: pd.DataFrame, threshold: float
) -> pd.DataFrame:
    import numpy as np  # loaded only when used

    logs = np.log(exchanges["latency_ms"].clip(lower=_LEAST_MS))
    of_host, of_all = _spread(known, _TIMED), _spread(known, _OF_ALL)
    keys = exchanges[_TIMED]
    spread = keys.merge(of_host, on=_TIMED, how="left")
    others = keys.merge(of_all, on=_OF_ALL, how="left")
    spread = spread[["median", "sigma"]].fillna(others[["median", "sigma"]])
    z = (logs - spread["median"]) / spread["sigma"]
    far = z > threshold
    found = exchanges.loc[far, [*_GROUP, "session_id", "latency_ms", "ts"]]
    told: pd.DataFrame = found.assign(
        metric="latency_ms",
        what=found["session_id"],
        value=found["latency_ms"],
        baseline=np.exp(spread.loc[far, "median"]).round(3),
        robust_z=z[far],
        first_seen=found["ts"],
        score=z[far],
    )
    return told[list(_COLUMNS)]


def _spread(known: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return the median of log ms, and what a standard deviation would be."""
    import numpy as np  # loaded only when used

    measured = known.loc[known["latency_ms"].notna(), [*by, "latency_ms"]]
    logs = np.log(measured["latency_ms"].clip(lower=_LEAST_MS))
    measured = measured[by].assign(log=logs)
    groups = measured.groupby(by)["log"]
    measured["deviation"] = (measured["log"] - groups.transform("median")).abs()
    deviations = measured.groupby(by)["deviation"].median()
    table = groups.agg(["median", "size"])
    table["sigma"] = (deviations * _SIGMA).clip(lower=_LEAST_SIGMA)
    return table[table["size"] >= _LEAST_KNOWN].reset_index()


def _new(exchanges: pd.DataFrame, known: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return the rows whose host, step and `columns` the baseline never had."""
    keys = [*_GROUP, *columns]
    seen = known[keys].drop_duplicates()
    both = exchanges[keys].merge(seen, how="left", indicator=True)
    return exchanges[(both["_merge"] == "left_only").to_numpy()]


def _new_texts(exchanges: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a new text; a new code brings one, and is told itself."""
    replied = exchanges[exchanges["code"].notna()]
    new = _new(replied, known, "number", "kind")
    return new.drop(_new(new, known, "number").index)


def _told(new: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return a row for each new code or kind of text."""
    by = [*_GROUP, "number", *(["kind"] if metric == "text" else [])]
    table = (
        new.groupby(by, sort=False)
        .agg(value=("ts", "size"), first_seen=("ts", "min"), text=("text", "first"))
        .reset_index()
    )
    told = table.assign(
        metric=metric,
        what=table["text"],
        value=table["value"].astype("float64"),
        baseline=0.0,
        robust_z=float("nan"),
        score=_SCORES["text"],
    )
    if metric == "code":
        code = table["number"].where(table["number"] > 0)
        accepted = table["number"].between(200, 399)
        told["what"] = code.astype("Int64").astype(table["text"].dtype)
        told["score"] = told["score"].mask(accepted, _SCORES["code"])
        told["score"] = told["score"].mask(~accepted, _SCORES["refused"])
    return told[list(_COLUMNS)]
