"""Timeouts: numbers of seconds, and nothing else."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from smtpnb import INTERACTIVE, RFC5321, LocalProtocolError, SmtpClient, Timeouts
from smtpnb.wire.wait import checked_timeout
from tests.support.scripted import GREETING, Listen, ScriptedServer

GOOD: list[tuple[Any, float | None]] = [
    (None, None),
    (0, 0.0),
    (5, 5.0),
    (0.25, 0.25),
    (30 * 86_400, 2_592_000.0),
    (math.inf, math.inf),
    (Decimal("1.5"), 1.5),
    (Fraction(1, 2), 0.5),
    (np.float32(2), 2.0),
    (np.int64(3), 3.0),
]
BAD: list[Any] = ["5", "", b"5", True, False, -1, -0.001, math.nan, -math.inf, 10**400]
BAD += [[5], {}, print, 5j]


@pytest.mark.parametrize(("value", "seconds"), GOOD)
def test_a_number_of_seconds_is_a_timeout(value: Any, seconds: float | None) -> None:
    assert checked_timeout(value) == seconds


@pytest.mark.parametrize("value", BAD, ids=repr)
def test_anything_else_is_refused(value: Any) -> None:
    refused = "timeout is a number of seconds, 0 or more, not .*; nothing was sent"
    with pytest.raises(LocalProtocolError, match=refused) as caught:
        checked_timeout(value)
    assert len(str(caught.value)) < 150
    for phase in Timeouts.__slots__:
        with pytest.raises(LocalProtocolError, match=f"^{phase} is a number"):
            Timeouts(**{phase: value})


def test_every_phase_has_a_limit() -> None:
    for phase in Timeouts.__slots__:
        assert INTERACTIVE.of(phase) > 0
        assert RFC5321.of(phase) >= INTERACTIVE.of(phase)
        assert Timeouts(**{phase: 7}).of(phase) == 7.0
        assert f"{phase}=7" in repr(Timeouts(**{phase: 7}))
        with pytest.raises(LocalProtocolError, match=re.escape(phase)):
            Timeouts(**{phase: None})  # type: ignore[arg-type]


def test_a_group_has_one_limit() -> None:
    assert INTERACTIVE.group == 300.0
    assert RFC5321.group == math.inf


@pytest.mark.parametrize("seconds", [1e7, 30 * 86_400, math.inf])
def test_a_deadline_farther_away_than_a_poll_can_wait_is_waited_for(
    seconds: float,
) -> None:
    timeouts = Timeouts(**dict.fromkeys(Timeouts.__slots__, seconds))
    with ScriptedServer((GREETING, Listen())) as server:
        client = SmtpClient(timeouts=timeouts)
        assert client.connect(server.host, server.port, timeout=seconds).code == 220
        client.disconnect()
