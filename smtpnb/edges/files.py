"""The edge of the disk: how a file of ours comes to be, and which files we read.

A file appears whole or not at all, readable by its owner only (0600: a transcript
names people). Nothing is overwritten unless that was asked for, no symbolic link is
written through, and what is not a regular file (a device, a pipe) is neither written
nor read: a pipe would wait for ever.

This module knows nothing of formats or of what is in a file.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MORE: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_OWNER: Final = 0o600
_OWNER_FOLDER: Final = 0o700


@contextmanager
def create(path: str | Path, *, overwrite: bool = False) -> Iterator[Any]:
    """Open a new binary file; it has its name when the block ends without an error.

    Args:
        path: Where. The folder must exist; nothing in the name is expanded.
        overwrite: Replace a regular file of that name.

    Raises:
        FileExistsError: There is something of that name: not asked to overwrite it,
            or it is no regular file (a link is not followed).
    """
    target = Path(path)
    _refuse_taken(target, overwrite)
    part = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
    try:
        with os.fdopen(os.open(part, _NEW, _OWNER), "wb") as file:
            yield file
        if overwrite:
            part.replace(target)
        else:
            _link(part, target)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def _link(part: Path, target: Path) -> None:
    """Give a file its name, unless that was taken meanwhile."""
    try:
        target.hardlink_to(part)
    except FileExistsError:
        _refuse_taken(target, overwrite=False)
        raise
    except OSError:  # a file system without links
        _refuse_taken(target, overwrite=False)
        part.replace(target)


def folder(path: str | Path) -> Path:
    """Make a new folder that only its owner can enter (0700), and return its path.

    Raises:
        FileExistsError: There is something of that name.
        FileNotFoundError: The folder above is missing.
    """
    target = Path(path)
    target.mkdir(_OWNER_FOLDER)
    return target


def append(path: str | Path) -> Any:
    """Open a binary file to add to it; it is made if it is missing.

    Raises:
        FileExistsError: It is no regular file (a link is not followed).
    """
    target = Path(path)
    _refuse_taken(target, overwrite=True)
    return os.fdopen(os.open(target, _MORE, _OWNER), "ab")


def _refuse_taken(target: Path, overwrite: bool) -> None:
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise FileExistsError(f"{target} is no regular file; nothing was written")
    if not overwrite:
        raise FileExistsError(
            f"{target} exists; nothing was written (overwrite=True replaces it)"
        )


def require_regular(path: str | Path, limit: int) -> None:
    """Refuse to read what is no regular file, or larger than `limit` octets.

    Raises:
        ValueError: It is one of these.
    """
    facts = Path(path).stat()
    if not stat.S_ISREG(facts.st_mode):
        raise ValueError(f"{path} is no regular file")
    if facts.st_size > limit:
        raise ValueError(f"{path} is larger than {limit} octets")
