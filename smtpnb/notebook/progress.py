"""A bar for many messages, by tqdm's conventions: around an iterator, or by hand.

    for delivery in Progress(client.stream(messages), total=1000):
        ...
    with Progress(total=len(messages)) as bar:
        client.send_all(messages, on_delivery=bar)

tqdm itself would do for the first of these; it cannot say how many were refused.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from IPython.core.getipython import get_ipython

from smtpnb.notebook.live import painter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Self

    from smtpnb.message.delivery import Delivery

WIDTH: Final = 20
EVERY_S: Final = 0.1


class Progress:
    """Counts deliveries as they come, and shows how far they are.

    Args:
        deliveries: What to iterate over; None to call this for each delivery.
        total: How many there will be; None for the length of `deliveries`, if it has
            one.
        paint: Shows a text; None for a line in the notebook or the terminal.
        clock: Gives seconds.

    Attributes:
        told: How many were told so far.
        outcomes: How many of each outcome.

    Example:
        >>> mails = [
        ...     MailObject("ann@a.example", [f"{name}@b.example"], "Subject: x")
        ...     for name in ("bob", "carol")
        ... ]
        >>> bar = Progress(total=len(mails), paint=lambda text: None)
        >>> with bar:
        ...     deliveries = client.send_all(mails, on_delivery=bar)
        >>> bar.told, bar.outcomes
        (2, {'accepted': 2})
    """

    def __init__(
        self,
        deliveries: Iterable[Delivery] | None = None,
        *,
        total: int | None = None,
        paint: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliveries = deliveries
        if total is None and hasattr(deliveries, "__len__"):
            sized: Any = deliveries
            total = len(sized)
        self._total = total
        self._clock = clock
        self._began = self._painted = clock()
        self._paint = painter(get_ipython()) if paint is None else paint
        self.told = 0
        self.outcomes: dict[str, int] = {}

    def __iter__(self) -> Iterator[Delivery]:
        with self:
            for delivery in self._deliveries or ():
                self(delivery)
                yield delivery

    def __call__(self, delivery: Delivery) -> None:
        """Count one more; for `on_delivery`."""
        self.told += 1
        outcome = delivery.outcome
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if self._clock() - self._painted >= EVERY_S:
            self._painted = self._clock()
            self._paint(self.words())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._paint(self.words())  # as tqdm, it leaves the last bar

    def words(self) -> str:
        """Return how far it is: a bar where the total is known, rate and outcomes."""
        seconds = self._clock() - self._began
        rate = self.told / seconds if seconds > 0 else 0.0
        parts = [f"{rate:.1f} messages/s"]
        head = f"{self.told} messages"
        if self._total:
            full = min(WIDTH, WIDTH * self.told // self._total)
            bar = "#" * full + "-" * (WIDTH - full)
            percent = 100 * self.told // self._total
            head = f"{percent} % [{bar}] {self.told} of {self._total} messages"
            if rate:
                parts.append(f"{max(0, self._total - self.told) / rate:.0f} s left")
        parts += [f"{n} {outcome}" for outcome, n in self.outcomes.items()]
        return ", ".join([head, *parts])
