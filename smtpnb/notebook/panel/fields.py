"""Fields and buttons of the panel, each with a name that a screen reader says.

Enter in a field does what the field suggests. A front end sends what was typed and the
key as two messages, and holds back the first while the kernel is busy; so Enter acts
when the field has been quiet for a moment. Tab, and leaving a field, send nothing.
"""

from __future__ import annotations

from threading import Timer
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SETTLE_S: Final = 0.12
NAME_WIDTH: Final = "6.8em"


def text(
    name: str,
    value: str = "",
    hint: str = "",
    *,
    secret: bool = False,
) -> Any:
    """Return a field of one line."""
    kind = w.Password if secret else w.Text
    return kind(
        value=value,
        description=name,
        placeholder=hint,
        style={"description_width": NAME_WIDTH},
        layout=w.Layout(width="auto"),
    )


def choice(name: str, options: Mapping[str, Any] | list[str], value: Any) -> Any:
    """Return a field with a few values."""
    return w.Dropdown(
        options=list(options.items()) if isinstance(options, dict) else options,
        value=value,
        description=name,
        style={"description_width": NAME_WIDTH},
        layout=w.Layout(width="auto"),
    )


def check(name: str) -> Any:
    """Return a box to tick."""
    return w.Checkbox(
        value=False, description=name, indent=False, layout=w.Layout(width="auto")
    )


def button(name: str, act: Callable[[], None], tip: str = "") -> Any:
    """Return a button that calls `act` at each press."""
    made = w.Button(
        description=name,
        tooltip=tip,
        layout=w.Layout(width="auto", min_width="4em"),
    )
    made.on_click(lambda _: act())
    return made


def grid(*widgets: Any) -> Any:
    """Return fields in columns, as many as the page has room for."""
    made = w.Box(widgets)
    made.add_class("smtpnb-grid")
    return made


def row(*widgets: Any) -> Any:
    """Return widgets side by side, in as many lines as the page wants."""
    made = w.HBox(widgets, layout=w.Layout(flex_flow="row wrap", align_items="center"))
    made.add_class("smtpnb-row")
    return made


def html() -> Any:
    """Return a place for HTML of our own."""
    return w.HTML(layout=w.Layout(width="auto", height="auto"))


def on_enter(field: Any, act: Callable[[], None]) -> None:
    """Have Enter in a field call `act`, once what was typed has arrived."""

    def heard(_: Any, message: Any, __: Any) -> None:
        if isinstance(message, dict) and message.get("event") == "submit":
            timer = Timer(SETTLE_S, act)
            timer.daemon = True
            try:
                timer.start()
            except RuntimeError:  # no thread to be had
                act()

    field.on_msg(heard)
