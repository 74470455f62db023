"""What runs until it is stopped, and may be used with `with`.

This module knows nothing of what runs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class Stopping(ABC):
    """Leaving the `with` stops it, however it is left.

    Example:
        >>> class Clock(Stopping):
        ...     def stop(self):
        ...         print("stopped")
        >>> with Clock():
        ...     print("runs")
        runs
        stopped
    """

    @abstractmethod
    def stop(self) -> None:
        """End it. Idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
