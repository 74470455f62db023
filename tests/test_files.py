from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from smtpnb.edges import files


def _write(path: Path, octets: bytes = b"new", *, overwrite: bool = False) -> None:
    with files.create(path, overwrite=overwrite) as file:
        file.write(octets)


def test_a_new_file_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        _write(tmp_path / "a")
        files.append(tmp_path / "b").close()
    finally:
        os.umask(before)
    assert (tmp_path / "a").read_bytes() == b"new"
    for name in "ab":
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a"
    with files.create(target) as file:
        file.write(b"half")
        assert not target.exists()
    assert target.exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_nothing_is_left_of_a_write_that_failed(
    tmp_path: Path, overwrite: bool
) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        files.create(tmp_path / "a", overwrite=overwrite),
    ):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_only_when_that_was_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        _write(target)
    assert target.read_bytes() == b"old"
    _write(target, overwrite=True)
    assert target.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_file_that_came_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "a"
    with pytest.raises(FileExistsError), files.create(target):
        target.write_bytes(b"other")
    assert target.read_bytes() == b"other"


def test_where_there_are_no_links_nothing_is_replaced_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    target = tmp_path / "a"
    _write(target)
    assert target.read_bytes() == b"new"
    with pytest.raises(FileExistsError), files.create(tmp_path / "b"):
        (tmp_path / "b").write_bytes(b"other")
    assert (tmp_path / "b").read_bytes() == b"other"


def test_a_new_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = files.folder(tmp_path / "a")
    finally:
        os.umask(before)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    _link(tmp_path / "b")
    for taken in ("a", "b"):
        with pytest.raises(FileExistsError):
            files.folder(tmp_path / taken)


def _link(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere")


def _dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


@pytest.mark.parametrize("make", [_link, _dangling, os.mkfifo, Path.mkdir])
def test_only_regular_files_are_written(tmp_path: Path, make: object) -> None:
    assert callable(make)
    elsewhere, target = tmp_path / "elsewhere", tmp_path / "a"
    elsewhere.write_bytes(b"mine")
    make(target)
    for write in (
        lambda: _write(target),
        lambda: _write(target, overwrite=True),
        lambda: files.append(target),
    ):
        with pytest.raises(FileExistsError, match="no regular file"):
            write()
    assert elsewhere.read_bytes() == b"mine"
    assert not (tmp_path / "nowhere").exists()


def test_nothing_in_a_name_is_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("~", "$HOME", "*", "%2e%2e")
    for name in names:
        _write(Path(name))
    assert {entry.name for entry in tmp_path.iterdir()} == set(names)


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="no regular file"):
        files.require_regular(tmp_path / "pipe", 10)


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 11)
    files.require_regular(tmp_path / "a", 11)
    with pytest.raises(ValueError, match="larger than 10 octets"):
        files.require_regular(tmp_path / "a", 10)
