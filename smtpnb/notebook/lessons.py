"""A course of exercises with a sandbox of its own: task, hint, check.

    course = Course()
    sandbox = course.sandbox
    course.task(1)

`task` sets the server's faults for an exercise and remembers where its books stand;
`check` hands the judge what was written into them since. See `exercises`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtpnb.edges.colours import AMBER, BLUE, GREEN
from smtpnb.edges.stopping import Stopping
from smtpnb.edges.text import for_html
from smtpnb.notebook.exercises import ACCOUNT, EXERCISES, Books
from smtpnb.notebook.render import MONO, ink
from smtpnb.sandbox import Sandbox

if TYPE_CHECKING:
    from smtpnb.notebook.exercises import Exercise


class Card:
    """A few words with a head, for a page and for a terminal.

    Args:
        head: A few words.
        text: What is said.
        code: Shown below it as it is.
        right: Whether an exercise is done; None if that was not asked.
    """

    def __init__(
        self, head: str, text: str, code: str = "", *, right: bool | None = None
    ) -> None:
        self.head, self.text, self.code, self.right = head, text, code, right

    def __repr__(self) -> str:
        return "\n".join(filter(None, (self.head, self.text, self.code)))

    def _repr_html_(self) -> str:
        edge = {True: GREEN, False: AMBER, None: BLUE}[self.right]
        code = ""
        if self.code:
            said = for_html(self.code, newlines=True)
            code = f'<pre style="margin:4px 0;{MONO}">{said}</pre>'
        return (
            f'<div style="border-left:4px solid {ink(edge)};padding:2px 12px;'
            'max-width:46em;line-height:1.5">'
            f"<b>{for_html(self.head)}</b><div>{for_html(self.text)}</div>{code}</div>"
        )


class Course(Stopping):
    """Ten exercises, a server to do them with, and its books to judge them by.

    Attributes:
        sandbox: The server: `%smtp connect {course.sandbox}`.
        password: Of the account ann on it.

    Example:
        >>> from smtpnb.notebook.lessons import Course
        >>> with Course() as course:
        ...     asked = course.task(1)
        ...     verdict = course.check(1)
        >>> verdict.right
        False
    """

    def __init__(self) -> None:
        user, self.password = ACCOUNT
        self.sandbox = Sandbox(auth={user: self.password})
        self._begun: dict[int, tuple[int, int]] = {}
        self._hints: dict[int, int] = {}
        self._done: set[int] = set()

    def task(self, number: int) -> Card:
        """Begin an exercise, or begin it again: only what follows is judged.

        Args:
            number: From 1 to 10.

        Raises:
            ValueError: There is no such exercise.
        """
        exercise = _exercise(number)
        self.sandbox.clear_faults()
        for fault in exercise.faults:
            self.sandbox.fault(**fault)
        self._begun[number] = len(self.sandbox.heard()), len(self.sandbox.inbox())
        self._done.discard(number)
        return Card(f"{number}. {exercise.title}", exercise.task)

    def hint(self, number: int) -> Card:
        """Return the next hint; after the last one, a solution.

        Raises:
            ValueError: There is no such exercise.
        """
        exercise = _exercise(number)
        given = self._hints.get(number, 0)
        self._hints[number] = given + 1
        if given < len(exercise.hints):
            head = f"Hint {given + 1} of {len(exercise.hints)}"
            return Card(head, exercise.hints[given])
        cells = "\n\n".join(exercise.solution)
        return Card("A solution", "An empty line stands between two cells.", cells)

    def check(self, number: int) -> Card:
        """Judge an exercise by what the server heard and kept since it began.

        Raises:
            ValueError: There is no such exercise.
        """
        exercise = _exercise(number)
        if number not in self._begun:
            missing = f"course.task({number}) begins it, and sets up the server"
        else:
            missing = exercise.judge(self._books(number))
        self._done.discard(number)
        if missing:
            return Card("Not yet", f"{missing}.", right=False)
        self._done.add(number)
        return Card("Right", exercise.learned, right=True)

    def score(self) -> Card:
        """Say which exercises are done, by the last check of each."""
        left = [
            f"{number}. {each.title}"
            for number, each in enumerate(EXERCISES, 1)
            if number not in self._done
        ]
        head = f"{len(self._done)} of {len(EXERCISES)} done"
        return Card(head, f"left: {'; '.join(left)}" if left else "That is SMTP.")

    def _books(self, number: int) -> Books:
        heard, kept = self._begun[number]
        return Books(
            list(self.sandbox.heard().iloc[heard:].itertuples(index=False)),
            list(self.sandbox.inbox().iloc[kept:].itertuples(index=False)),
        )

    def stop(self) -> None:
        """End the server."""
        self.sandbox.stop()


def _exercise(number: Any) -> Exercise:
    if number not in range(1, len(EXERCISES) + 1):
        raise ValueError(f"there are exercises 1 to {len(EXERCISES)}, not {number!r}")
    return EXERCISES[number - 1]
