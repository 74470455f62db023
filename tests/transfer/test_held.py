"""Which messages are made without a look at the user's own code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from smtpnb import MailObject
from smtpnb.transfer.plan import _is_held

if TYPE_CHECKING:
    from collections.abc import Iterator


class Named(NamedTuple):
    sender: str
    to: Any
    content: bytes


class Computed(tuple[Any, ...]):
    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(("a@a.example", "b@b.example", b"x"))


class Mail(MailObject):
    pass


HELD = {
    "a tuple": ("a@a.example", ["b@b.example"], b"x"),
    "a named tuple": Named("a@a.example", ("b@b.example",), b"x"),
    "one address": ("a@a.example", "b@b.example", b"x"),
    "a mail object": MailObject("a@a.example", "b@b.example", b"x"),
}
RUNS_CODE = {
    "an iterator of recipients": ("a@a.example", iter(["b@b.example"]), b"x"),
    "the same, named": Named("a@a.example", iter(["b@b.example"]), b"x"),
    "a tuple that computes": Computed(("a@a.example", "b@b.example", b"x")),
    "a kind of mail object": Mail("a@a.example", "b@b.example", b"x"),
    "too short": ("a@a.example", "b@b.example"),
    "something else": 5,
}


@pytest.mark.parametrize("given", HELD.values(), ids=HELD.keys())
def test_what_is_held_is_made_at_once(given: Any) -> None:
    assert _is_held(given)


@pytest.mark.parametrize("given", RUNS_CODE.values(), ids=RUNS_CODE.keys())
def test_what_may_run_code_of_the_users_is_not(given: Any) -> None:
    assert not _is_held(given)
