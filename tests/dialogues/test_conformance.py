"""The questions, put by hand to scripted answers: no socket, no client."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from smtpnb.dialogues.conformance import (
    PARTS,
    Answers,
    conformance,
    conformance_in_parts,
)
from smtpnb.protocol.errors import (
    ConnectError,
    ConnectionLost,
    DeadlineExceeded,
    LocalProtocolError,
    RemoteProtocolError,
    TlsError,
)
from smtpnb.protocol.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from smtpnb.dialogues.converse import Dialogue

Conversation = tuple[list[str], Answers]
EVERY = range(1, PARTS + 1)


def put(dialogue: Dialogue[Answers], answer: Callable[[str], bytes]) -> Conversation:
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


def parts(answer: Callable[[str], bytes], *, rude: bool = False) -> list[Conversation]:
    return [put(conformance(part, rude=rude), answer) for part in EVERY]


def refuses_the_sender(line: str) -> bytes:
    return b"450 No\r\n" if "client.invalid>" in line else b"250 Ok\r\n"


def without_ehlo(line: str) -> bytes:
    return b"502 No\r\n" if line.startswith("EHLO") else b"250 Ok\r\n"


MOODS = (agreeable, contrary, refuses_the_sender, without_ehlo)


@pytest.mark.parametrize("answer", MOODS)
def test_no_message_is_ever_sent(answer: Callable[[str], bytes]) -> None:
    for lines, _ in parts(answer, rude=True):
        verbs = {line.split()[0].upper() for line in lines}
        assert not verbs & {"DATA", "BDAT", "AUTH", "BURL"}
        assert lines[-1] == "QUIT"


@pytest.mark.parametrize("answer", MOODS)
def test_a_part_is_within_what_servers_bear(answer: Callable[[str], bytes]) -> None:
    """Exim hangs up at the eleventh command, smtp-server at the eleventh of any."""
    for lines, _ in parts(answer):
        assert len(lines[:-1]) <= 9  # and QUIT


def test_a_part_is_wrong_for_sure_no_more_than_twice() -> None:
    """Chasquid hangs up at the third error."""
    from tests.dialogues.pupil import Pupil

    for lines, _ in [put(conformance(part), Pupil()) for part in EVERY]:
        pupil = Pupil()
        assert sum(pupil(line) >= b"5" for line in lines) <= 2, lines


def test_every_name_is_reserved() -> None:
    for lines, _ in parts(agreeable, rude=True):
        for line in lines:
            if "@" in line:
                assert "@client.invalid>" in line


@pytest.mark.parametrize("answer", MOODS)
def test_each_question_begins_outside_a_transaction(
    answer: Callable[[str], bytes],
) -> None:
    for lines, answers in parts(answer, rude=True):
        is_open = False
        asked = {a.command for a in answers if len(a.command.split()) > 1}
        for line in lines:
            verb = line.split()[0].upper()
            if line == "RCPT TO:<Postmaster>" or line in asked:
                pass  # may be asked within, on purpose
            elif verb not in {"MAIL", "RSET", "EHLO", "QUIT"}:
                assert not is_open, (line, lines)
            accepted = answer(line).startswith(b"2")
            if verb == "MAIL" and accepted:
                is_open = True
            elif verb in {"RSET", "EHLO", "HELO"} and accepted:
                is_open = False


def test_the_longest_line_is_of_512_octets_and_the_rude_one_longer() -> None:
    plain = [line for lines, _ in parts(agreeable) for line in lines]
    rude = [line for lines, _ in parts(agreeable, rude=True) for line in lines]
    assert max(map(len, plain)) + 2 == 512
    assert max(map(len, rude)) + 2 == 600
    assert rude[-2:] == ["XSMTPNB", "QUIT"]  # the likeliest to annoy comes last


def test_verbs_and_from_are_asked_in_lower_case_too() -> None:
    assert "noop" in put(conformance(), agreeable)[0]
    lines, _ = put(conformance(2, sender="a@b.invalid"), agreeable)
    assert "mail from:<a@b.invalid>" in lines


def test_lmtp_is_asked_the_same_with_its_own_hello() -> None:
    for part in EVERY:
        said, asked = put(conformance(part, rude=True), agreeable)
        dialogue = conformance(part, rude=True, protocol="lmtp")
        to_lmtp, asked_lmtp = put(dialogue, agreeable)
        assert to_lmtp == [line.replace("EHLO", "LHLO") for line in said]
        assert len(asked_lmtp) == len(asked)


def test_an_lmtp_server_is_never_greeted_by_helo() -> None:
    lines, _ = put(conformance(protocol="lmtp"), contrary)
    assert {"LHLO client.invalid"} == {line for line in lines if "HLO" in line}
    assert not any("HELO" in line for line in lines)


def test_a_refused_sender_gives_way_to_the_null_path() -> None:
    lines, _ = put(conformance(2), refuses_the_sender)
    at = lines.index("RCPT TO:<Postmaster>")
    assert lines[at - 2 : at] == ["MAIL FROM:<sender@client.invalid>", "MAIL FROM:<>"]


def test_a_server_without_ehlo_is_greeted_with_helo() -> None:
    lines, answers = put(conformance(identity="me.invalid"), without_ehlo)
    assert lines[:2] == ["EHLO me.invalid", "HELO me.invalid"]
    assert answers[0].reply.code == 502
    lines, _ = put(conformance(3, identity="me.invalid"), without_ehlo)
    assert lines[:2] == ["EHLO me.invalid", "HELO me.invalid"]


def test_there_are_just_these_parts() -> None:
    for part in (0, PARTS + 1):
        with pytest.raises(ValueError, match=f"parts 1 to {PARTS}"):
            conformance(part)


@pytest.mark.parametrize("octets", [b"421 Bye\r\n", b"354 Go ahead\r\n"])
def test_a_server_that_ends_early_is_asked_no_more(octets: bytes) -> None:
    lines, answers = put(
        conformance(), lambda line: octets if line == "noop" else b"250 Ok\r\n"
    )
    assert lines[-1] == "noop"
    assert answers[-1] == ("a verb in lower case", "noop", Reply(octets))
    ended = octets.decode().strip()
    assert str(answers).startswith(f"asked 7 of 17; ended by {ended}; not asked: ")


@pytest.mark.parametrize("part", EVERY)
def test_one_part_says_what_it_did_not_ask(part: int) -> None:
    _, answers = put(conformance(part), agreeable)
    asked = {answer.question for answer in answers} - {"goodbye"}
    assert len(asked) + len(answers.not_asked) == 17
    assert not asked & set(answers.not_asked)
    assert answers.ended_by == ""
    assert f"asked {len(asked)} of 17; not asked: " in str(answers)


FAULTS = (
    ConnectionLost("the server closed the connection"),
    DeadlineExceeded("no reply in 60 s"),
    RemoteProtocolError("what came is no reply"),
    TlsError("WRONG_VERSION_NUMBER"),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_fault_leaves_the_answers_so_far_and_says_what_it_was(
    fault: Exception,
) -> None:
    dialogue = conformance()
    next(dialogue)
    dialogue.send(Reply(b"250 Ok\r\n"))
    dialogue.send(Reply(b"554 Too many nonmail commands\r\n"))
    with pytest.raises(StopIteration) as end:
        dialogue.throw(fault)
    answers = end.value.value
    assert [a.command for a in answers] == ["EHLO client.invalid", "NOOP"]
    assert answers.ended_by == (
        f"{type(fault).__name__}: {fault} (after 554 Too many nonmail commands)"
    )
    assert str(answers).startswith("asked 2 of 17; ended by ")


def test_our_own_mistakes_are_not_hidden() -> None:
    dialogue = conformance()
    next(dialogue)
    with pytest.raises(LocalProtocolError):
        dialogue.throw(LocalProtocolError("not connected"))


class Runner:
    """Runs each dialogue on a pupil of its own."""

    def __init__(self) -> None:
        self.parts: list[list[str]] = []

    def run(self, dialogue: Dialogue[Answers]) -> Answers:
        from tests.dialogues.pupil import Pupil

        lines, answers = put(dialogue, Pupil())
        self.parts.append(lines)
        return answers


def test_all_parts_together_ask_every_question_once() -> None:
    runner = Runner()
    answers = conformance_in_parts(lambda: runner)
    assert len(runner.parts) == PARTS
    assert str(answers) == "asked 17 of 17"
    questions = [a.question for a in answers if a.question != "goodbye"]
    assert len(set(questions)) == len(questions) == 17


def test_a_part_that_could_not_connect_was_not_asked() -> None:
    runner, calls = Runner(), itertools.count(1)

    def connect() -> Runner:
        if next(calls) == 2:
            raise ConnectError("Connection refused")
        return runner

    answers = conformance_in_parts(connect, rude=True)
    assert answers.ended_by == "ConnectError: Connection refused"
    assert len(answers.not_asked) == 3
    assert str(answers).startswith("asked 16 of 19; ended by ConnectError")
