"""Large XComs as files: what a row holds, what comes back, and what is removed when."""

from pathlib import Path

import pytest

from tradewind.wire.xcom_files import XComFileLost, XComFiles

WHOSE = {"run": 7, "task_id": "group.make", "map_index": -1}


@pytest.fixture
def files(tmp_path: Path) -> XComFiles:
    return XComFiles(tmp_path / "xcoms", inline_bytes=4)


def on_disk(files: XComFiles) -> list[str]:
    root = Path(files.folder)
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_value_up_to_the_limit_stays_in_its_row(files: XComFiles) -> None:
    assert files.store(b"1234", **WHOSE) == b"1234"
    assert files.read(b"1234") == b"1234"
    assert on_disk(files) == []


def test_a_larger_value_comes_back_from_a_file_named_for_its_content(files: XComFiles) -> None:
    stored = files.store(b'"12345"', **WHOSE)
    assert stored.startswith(b"@7/group.make/-1/")
    assert stored.endswith(b" 7")
    assert files.read(stored) == b'"12345"'
    assert files.store(b'"12345"', **WHOSE) == stored
    assert len(on_disk(files)) == 1


def test_a_negative_limit_keeps_everything_in_its_row(tmp_path: Path) -> None:
    assert XComFiles(tmp_path, inline_bytes=-1).store(b"x" * 10**6, **WHOSE) == b"x" * 10**6


def test_a_reader_needs_no_limit_to_find_what_others_spilled(files: XComFiles) -> None:
    stored = files.store(b"[1,2,3]", **WHOSE)
    assert XComFiles(files.folder, inline_bytes=-1).read(stored) == b"[1,2,3]"


def test_a_text_that_looks_like_a_reference_is_a_value(files: XComFiles) -> None:
    assert files.read(b'"@7/a/-1/00 1"') == b'"@7/a/-1/00 1"'


@pytest.mark.parametrize("stored", [b"@7/../-1/" + b"0" * 64, b"@../../etc/passwd 3", b"@7/a/../../x 1"])
def test_what_is_no_reference_of_ours_opens_no_file(files: XComFiles, stored: bytes) -> None:
    with pytest.raises(XComFileLost, match="is no path of an XCom"):
        files.read(stored)


def test_a_file_that_is_gone_or_changed_is_named_with_what_to_do(files: XComFiles) -> None:
    stored = files.store(b'"12345"', **WHOSE)
    path = Path(files.folder) / on_disk(files)[0]
    path.write_bytes(b'"12346"')
    with pytest.raises(XComFileLost, match=r"has been changed since it was written; clear the task"):
        files.read(stored)
    path.unlink()
    with pytest.raises(XComFileLost, match=r"cannot be read \(No such file"):
        files.read(stored)


def test_a_new_try_removes_what_the_one_before_left_and_nothing_else(files: XComFiles) -> None:
    files.store(b"first", **WHOSE)
    kept = files.store(b"first", run=7, task_id="group.make", map_index=0)
    files.forget_instance(**WHOSE)
    assert files.read(kept) == b"first"
    assert len(on_disk(files)) == 1


def test_files_of_runs_that_are_gone_are_removed_but_not_of_runs_to_come(files: XComFiles) -> None:
    for number in (3, 7, 12):
        files.store(b"value", run=number, task_id="t", map_index=-1)
    files.forget_runs(before=10, but={7})
    assert [name.split("/")[0] for name in on_disk(files)] == ["12", "7"]


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "7").write_text("a file where a folder belongs")
    with pytest.raises(OSError):
        XComFiles(tmp_path, inline_bytes=4).store(b"12345", **WHOSE)
    assert [path.name for path in tmp_path.iterdir()] == ["7"]


def test_task_ids_of_any_kind_make_one_folder_name(files: XComFiles) -> None:
    for task_id in ("ä" * 200, "..", "a b"):
        stored = files.store(b"12345", run=1, task_id=task_id, map_index=2)
        assert files.read(stored) == b"12345"
