"""A session with buttons: `Panel`, and what it is made of.

widget     the panel: its fields, its buttons, when what is painted
actions    what each button sends, and why it may not be sent now
worker     one operation at a time, on a thread of its own
painter    the one thread that paints
feed       the last events of a client, read by what is new
dialogue, diagram, aspects, samples, look, last_picture     what is painted
"""

from __future__ import annotations

from smtpnb.notebook.panel.widget import Panel

__all__ = ["Panel"]
