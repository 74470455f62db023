"""The README's lines for the sandbox, as a reader would paste them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.pages import README, blocks, section

if TYPE_CHECKING:
    from collections.abc import Callable


def test_ten_lines_without_a_server(run: Callable[[str], Any], shell: Any) -> None:
    lines = section(README, "Ten lines, no server")
    *_, inbox = [
        run(block.replace("%load_ext smtpnb\n", "")) for block in blocks(lines)
    ]
    assert list(inbox["mail_from"]) == ["ann@client.example"]
    assert [list(to) for to in inbox["rcpt_to"]] == [["bob@sandbox.example"]]
    assert list(inbox["subject"]) == ["hello"]
    assert list(inbox["tls"]) == [True]
    shell.run_cell("%smtp sandbox stop")
