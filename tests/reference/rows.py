"""The rows of the checklist: what each says, and what leaves when it is tried."""

from __future__ import annotations

import io
import tomllib
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import smtpnb
from tests.reference.at import at

_ROWS = Path(__file__).with_name("rows.toml")


@dataclass(frozen=True)
class Row:
    """One feature; see `rows.toml`."""

    section: str
    feature: str
    rfc: str
    test: str = ""
    do: str = ""
    says: str = ""
    magic: str = ""
    lacks: str = ""
    ready: str = "hello"
    sandbox: dict[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The cell that tries it."""
        given = "".join(f", {name}={value!r}" for name, value in self.sandbox.items())
        body = "\n".join(f"    {line}" for line in self.do.strip().splitlines())
        return f'with at("{self.ready}"{given}) as (client, sandbox):\n{body}'

    def what_leaves(self) -> str:
        """Run it; return the lines that we said."""
        names = {name: getattr(smtpnb, name) for name in smtpnb.__all__}
        with redirect_stdout(io.StringIO()) as printed:
            exec(self.code, {**names, "at": at})
        return printed.getvalue()


def rows() -> list[Row]:
    """Return all rows."""
    return [Row(**row) for row in tomllib.loads(_ROWS.read_text("utf-8"))["row"]]
