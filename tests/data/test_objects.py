"""One contract for both stores: a folder, and S3 as moto plays it."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import s3

from tradewind.data.objects import FolderStore, NoSuchObject, ObjectStore, S3Store, open_store
from tradewind.data.problems import BadSetting, DataProblem, DiskFull, SourceUnavailable

QUICK = {"retry_config": {"max_retries": 1, "retry_timeout": timedelta(seconds=5)}}


@pytest.fixture(scope="module")
def s3_server() -> Iterator[s3.S3Server]:
    pytest.importorskip("obstore")
    pytest.importorskip("moto")
    server = s3.S3Server()
    server.start("weather")
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def bucket(s3_server: s3.S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty place in a bucket, which the environment leads to."""
    for name, value in {**s3.ENVIRONMENT, "AWS_ENDPOINT_URL": s3_server.url}.items():
        monkeypatch.setenv(name, value)
    return f"s3://weather/{uuid4().hex}"


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return open_store(tmp_path / "store")
    return open_store(request.getfixturevalue("bucket"))


def test_an_object_is_written_once(store: ObjectStore) -> None:
    assert store.put_new("a/date=2026-01-06/hour=03.txt", b"first")
    assert not store.put_new("a/date=2026-01-06/hour=03.txt", b"second")
    assert store.get("a/date=2026-01-06/hour=03.txt") == b"first"


def test_of_many_writers_one_wins(store: ObjectStore) -> None:
    won: list[bytes] = []
    together = threading.Barrier(6)

    def write(content: bytes) -> None:
        together.wait()
        if store.put_new("one", content):
            won.append(content)

    writers = [threading.Thread(target=write, args=(str(n).encode() * 1000,)) for n in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert won == [store.get("one")]
    assert store.keys("") == ["one"]


def test_objects_can_be_replaced_listed_and_removed(store: ObjectStore) -> None:
    assert store.keys("") == []
    for key in ("b/2", "b/1", "a"):
        store.put(key, key.encode())
    store.put("b/1", b"")
    assert store.keys("") == ["a", "b/1", "b/2"]
    assert store.keys("b") == ["b/1", "b/2"]
    assert store.get("b/1") == b""
    store.delete("b/1")
    store.delete("b/1")
    with pytest.raises(NoSuchObject, match="has no b/1"):
        store.get("b/1")


@pytest.mark.parametrize("key", ["", "/a", "a//b", "../a", "a/./b"])
def test_a_key_never_leaves_the_folder(key: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="is no key"):
        FolderStore(tmp_path).put(key, b"")


def test_a_full_disk_and_a_folder_that_may_not_be_written_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path / "store")
    store.put("a", b"1")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for write in (store.put, store.put_new):
        with pytest.raises(DiskFull, match="is full, so b could not be written"):
            write("b", b"2")
    monkeypatch.undo()
    assert store.keys("") == ["a"]
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["a"]
    for write in (store.put, store.put_new):
        with pytest.raises(DataProblem, match="let this user write there"):
            write("a/b", b"")


def test_a_bucket_that_is_not_there_is_named(bucket: str) -> None:
    missing = open_store("s3://no-such-bucket/x")
    for ask in (lambda: missing.get("a"), lambda: missing.keys("")):
        with pytest.raises(DataProblem, match="s3://no-such-bucket/x is no bucket"):
            ask()


def test_an_s3_that_is_away_may_be_back_later(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    away = S3Store("s3://weather/x", **QUICK)
    for ask in (
        lambda: away.get("a"),
        lambda: away.put_new("a", b""),
        lambda: away.put("a", b""),
        lambda: away.keys(""),
    ):
        with pytest.raises(SourceUnavailable, match="s3://weather/x is away"):
            ask()


def test_s3_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)
    with pytest.raises(DataProblem, match=r"pip install 'tradewind\[s3\]'"):
        open_store("s3://weather")
