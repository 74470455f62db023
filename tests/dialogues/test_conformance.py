"""The questions, put by hand to scripted answers: no socket, no client."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb.dialogues.conformance import Answer, conformance
from smtpnb.protocol.errors import ConnectionLost, LocalProtocolError
from smtpnb.protocol.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.dialogues.converse import Dialogue

Conversation = tuple[list[str], tuple[Answer, ...]]


def put(
    dialogue: Dialogue[tuple[Answer, ...]], answer: Callable[[str], bytes]
) -> Conversation:
    """Drive a dialogue; return the lines said and what it returned."""
    lines: list[str] = []
    command: Any = next(dialogue)
    while True:
        line = bytes(command.octets().wire).decode().removesuffix("\r\n")
        lines.append(line)
        try:
            command = dialogue.send(Reply(answer(line)))
        except StopIteration as end:
            return lines, end.value


def agreeable(_: str) -> bytes:
    return b"250 Ok\r\n"


def contrary(_: str) -> bytes:
    return b"550 No\r\n"


def test_no_message_is_ever_sent() -> None:
    for answer in (agreeable, contrary):
        lines, _ = put(conformance(rude=True), answer)
        verbs = {line.split()[0].upper() for line in lines}
        assert not verbs & {"DATA", "BDAT", "AUTH", "BURL"}
        assert lines[-1] == "QUIT"


def test_it_is_bounded_whatever_is_answered() -> None:
    for answer in (agreeable, contrary):
        assert len(put(conformance(), answer)[0]) <= 45


def test_every_name_is_reserved() -> None:
    for line in put(conformance(rude=True), agreeable)[0]:
        if "@" in line:
            assert "@client.invalid>" in line


def test_each_question_ends_with_no_transaction_open() -> None:
    lines, answers = put(conformance(rude=True), agreeable)
    asked = [answer.command for answer in answers]
    assert len(asked) == 20
    for before, line in itertools.pairwise(lines):
        if before.upper().startswith(("MAIL", "RCPT")):
            # A scene goes on with what the question needs, and then it is cleared.
            assert line.startswith(("RSET", "RCPT", "MAIL", "EHLO"))
    assert lines[-3:] == ["NOOP " + "x" * 593, "XSMTPNB", "QUIT"]


def test_the_longest_line_is_of_512_octets_and_the_rude_one_longer() -> None:
    plain, _ = put(conformance(), agreeable)
    rude, _ = put(conformance(rude=True), agreeable)
    assert max(map(len, plain)) + 2 == 512
    assert max(map(len, rude)) + 2 == 600


def test_verbs_and_from_are_asked_in_lower_case_too() -> None:
    lines, _ = put(conformance(sender="a@b.invalid"), agreeable)
    assert "noop" in lines
    assert "mail from:<a@b.invalid>" in lines


def test_a_refused_sender_gives_way_to_the_null_path() -> None:
    def answer(line: str) -> bytes:
        return b"450 No\r\n" if "client.invalid>" in line else b"250 Ok\r\n"

    lines, _ = put(conformance(), answer)
    first, at = [i for i, line in enumerate(lines) if line.startswith("RCPT")][:2]
    assert lines[first - 1] == "RSET"
    assert lines[at - 3 : at] == [
        "MAIL FROM:<sender@client.invalid>",
        "RSET",
        "MAIL FROM:<>",
    ]


def test_a_server_without_ehlo_is_greeted_with_helo() -> None:
    def answer(line: str) -> bytes:
        return b"502 No\r\n" if line.startswith("EHLO") else b"250 Ok\r\n"

    lines, answers = put(conformance(identity="me.invalid"), answer)
    assert lines[:2] == ["EHLO me.invalid", "HELO me.invalid"]
    assert answers[0].reply.code == 502


@pytest.mark.parametrize("octets", [b"421 Bye\r\n", b"354 Go ahead\r\n"])
def test_a_server_that_ends_early_is_asked_no_more(octets: bytes) -> None:
    lines, answers = put(
        conformance(), lambda line: octets if line == "noop" else b"250 Ok\r\n"
    )
    assert lines[-1] == "noop"
    assert answers[-1] == ("a verb in lower case", "noop", Reply(octets))


def test_a_lost_connection_leaves_the_answers_so_far() -> None:
    dialogue = conformance()
    next(dialogue)
    dialogue.send(Reply(b"250 Ok\r\n"))
    with pytest.raises(StopIteration) as end:
        dialogue.throw(ConnectionLost("gone"))
    (answer,) = end.value.value
    assert answer.command == "EHLO client.invalid"


def test_our_own_mistakes_are_not_hidden() -> None:
    dialogue = conformance()
    next(dialogue)
    with pytest.raises(LocalProtocolError):
        dialogue.throw(LocalProtocolError("not connected"))
