"""What happened: the log of a connection, read as events, tables and text.

Everything here is derived from `smtpnb.wire.record` when somebody asks. Importing this
package loads no pandas; the functions that build frames do.
"""

from __future__ import annotations

from smtpnb.transcript.events import (
    Event,
    Excerpt,
    SavedTranscript,
    Transcript,
    events,
    load,
)

__all__ = ["Event", "Excerpt", "SavedTranscript", "Transcript", "events", "load"]
