"""The content of one message of a courier, by DATA or by BDAT.

A small content leaves in one run of octets with what stands around it. A large one
leaves in blocks as it is read, in constant memory; or, by BDAT in clear from a file
whose line ends are known, without passing through this process at all.

This module knows nothing of envelopes.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from smtpnb.message.delivery import REFUSED
from smtpnb.protocol.commands import Bdat
from smtpnb.protocol.content import Encoder, blocks, gathered, stuffed
from smtpnb.protocol.group import Draft, of_commands
from smtpnb.transfer.courier import ASIDE, CHUNK, END
from smtpnb.transfer.envelopes import DOT
from smtpnb.wire import record
from smtpnb.wire.record import clock
from smtpnb.wire.transfer import Transfer
from smtpnb.wire.wait import Wait

if TYPE_CHECKING:
    from smtpnb.message.delivery import Delivery
    from smtpnb.transfer.courier import Courier, Job
    from smtpnb.wire.wait import Steps

# How many chunks may await their reply. It bounds what a refusal sends in vain.
_CHUNKS_AHEAD: Final = 8


def send_by_data(courier: Courier, job: Job) -> Steps[None]:
    """Send the content and the final dot; wait for the final reply."""
    draft = Draft()
    yield from add_data(draft, courier, job)
    if draft.size:
        yield from courier.converse(draft)


def add_data(draft: Draft, courier: Courier, job: Job) -> Steps[None]:
    """Send a large content; draft what ends the message, or is all of it.

    Nothing is drafted if the server refused in the middle: then the message is settled
    and the connection closed.
    """
    engine, (delivery, _, whole) = courier.engine, job
    if not delivery.wanted:  # RFC 2920 section 3.1: a lone dot, and nothing is sent
        draft.add(DOT)
        courier.expect(None, 1, ASIDE)
        return
    if whole is not None:
        octets, n_lines, _ = whole
        draft.add_content(stuffed(octets), n_lines)
    else:
        transfer = Transfer(engine, courier.tell_progress)
        pieces = delivery.mail.pieces()
        steps = transfer.pieces(pieces, courier.limit)
        early = yield from engine.guard("body", steps)
        if early is not None:
            delivery.take((early.octets,), ended=True)
            courier.settle(delivery, REFUSED)
            return
        tail = transfer.end_of_content()
        if tail:
            draft.add_content(tail, 1)
    draft.add(DOT)
    # With the octet past the dot, a server may have taken the message.
    delivery.end_at = engine.sent + draft.size - 2
    courier.expect(delivery, 1, END)


def send_by_bdat(courier: Courier, job: Job) -> Steps[None]:
    """Send the content in chunks; wait for the final reply.

    A message whose chunk was refused is over; what the server still holds of it goes
    with the next RSET (RFC 3030 section 2).
    """
    delivery, _, whole = job
    file = delivery.mail.rest_of_file
    if whole is not None:
        octets, n_lines, _ = whole
        yield from _chunk(courier, delivery, octets, n_lines, last=True)
    elif file is not None and courier.engine.facts is None:  # in clear
        yield from _chunk_of_file(courier, delivery, *file)
    else:
        yield from _chunks(courier, delivery)
    yield from courier.read_all()


def _chunks(courier: Courier, delivery: Delivery) -> Steps[None]:
    encoder = Encoder(stuff=False)
    pieces = gathered(delivery.mail.pieces())
    for block in chain.from_iterable(map(blocks, pieces)):
        yield Wait((), 0)  # a link that takes everything must let a cancel in
        lines, octets = encoder.n_lines, encoder.feed(block)
        lines = encoder.n_lines - lines
        yield from _chunk(courier, delivery, octets, lines, last=False)
        if delivery.ended:  # this chunk was refused, or one before it
            break
        courier.tell_progress(encoder.n_octets)
    # The end may not leave before every chunk was accepted: a server that refused one
    # and takes the rest would deliver what is left of the message.
    yield from courier.read_all()
    if delivery.ended:
        courier.settle(delivery, REFUSED)
        return
    tail = encoder.finish()
    yield from _chunk(courier, delivery, tail, len(tail) // 2, last=True)


def _chunk(
    courier: Courier, delivery: Delivery, octets: bytes, n_lines: int, *, last: bool
) -> Steps[None]:
    engine = courier.engine
    draft = Draft(of_commands(Bdat(len(octets), last=last)))
    if octets:
        draft.add_content(octets, n_lines)
    if last:
        delivery.end_at = engine.sent + draft.size - 1
    courier.expect(delivery, 1, END if last else CHUNK)
    yield from courier.write(draft)
    ahead = _CHUNKS_AHEAD if courier.pipelining else 0
    while engine.session.owed > ahead:
        yield from courier.read()


def _chunk_of_file(
    courier: Courier, delivery: Delivery, fd: int, offset: int, size: int
) -> Steps[None]:
    engine = courier.engine
    courier.expect(delivery, 1, END)
    yield from courier.write(Draft(of_commands(Bdat(size, last=True))))
    delivery.end_at = engine.sent + size - 1
    steps = _copied(courier, delivery, fd, offset, offset + size)
    yield from engine.guard("body", steps)
    if engine.sent <= delivery.end_at:
        courier.stop_short()


def _copied(
    courier: Courier, delivery: Delivery, fd: int, offset: int, end: int
) -> Steps[None]:
    engine, limit = courier.engine, courier.limit
    stream = engine.connection
    started, at = clock(), offset
    try:
        while at < end and not delivery.ended:
            taken = stream.send_file_now(fd, at, end - at)
            at += taken
            courier.tell_progress(at - offset)
            if taken:
                yield Wait((), 0)  # as above
            else:
                yield from stream.either(limit or engine.deadline("block"))
            engine.read_now()
    finally:
        octets, number = at - offset, engine.exchange
        engine.log.add(record.CONTENT, started, clock(), number, octets, None)
