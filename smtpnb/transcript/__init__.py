"""What happened: the log of a connection, read as events, tables and text.

Everything here is derived from `smtpnb.wire.record` when somebody asks. Importing this
package loads no pandas; the functions that build frames do.

    transcript.exchanges()                     # a table
    smtpnb.transcript.dictionary("exchanges")  # what its columns are
    smtpnb.concat([monday, tuesday])           # transcripts, or tables of one kind
    runs.create, runs.add, runs.live, runs.seal, scan   # many sessions on disk
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from smtpnb.transcript.schema import dictionary
from smtpnb.transcript.transcript import (
    Event,
    Excerpt,
    SavedTranscript,
    Transcript,
    concat,
    events,
    load,
)

if TYPE_CHECKING:
    from smtpnb.transcript.store import runs
    from smtpnb.transcript.store.export import to_csv
    from smtpnb.transcript.store.scan import scan

__all__ = [
    "Event",
    "Excerpt",
    "SavedTranscript",
    "Transcript",
    "concat",
    "dictionary",
    "events",
    "load",
    "runs",
    "scan",
    "to_csv",
]

_STORE: Final = "smtpnb.transcript.store"
_LATER: Final = {
    "runs": f"{_STORE}.runs",
    "scan": f"{_STORE}.scan",
    "to_csv": f"{_STORE}.export",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(_LATER[name])  # loads pyarrow
    return getattr(module, name, module)
