import hashlib
import os

import pytest

from fctsfn_tf.errors import InputError
from fctsfn_tf.files import (
    atomic_write,
    check_place,
    check_writable,
    new_directory,
    printable,
    read_json,
    sha256_of,
)


def _write(content):
    return lambda file: file.write(content)


def test_writes_the_content_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "Hündchen 狗.bin"
    atomic_write(path, _write(b"abc"))
    assert path.read_bytes() == b"abc"
    assert os.listdir(tmp_path) == [path.name]


def test_creates_missing_directories(tmp_path):
    atomic_write(tmp_path / "a" / "b" / "c.bin", _write(b"abc"))
    assert (tmp_path / "a" / "b" / "c.bin").read_bytes() == b"abc"


def test_a_written_file_has_the_permissions_of_any_new_file(tmp_path):
    atomic_write(tmp_path / "ours", _write(b""))
    (tmp_path / "theirs").write_bytes(b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


def test_never_overwrites_unasked(tmp_path):
    path = tmp_path / "mask.png"
    path.write_bytes(b"by hand")
    with pytest.raises(InputError, match="exists already"):
        atomic_write(path, _write(b"new"))
    assert path.read_bytes() == b"by hand"
    atomic_write(path, _write(b"new"), overwrite=True)
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_half_way_keeps_the_old_file_and_leaves_no_rest(tmp_path, error):
    path = tmp_path / "mask.png"
    path.write_bytes(b"old")

    def fail(file):
        file.write(b"half of the ne")
        raise error

    with pytest.raises(error):
        atomic_write(path, fail, overwrite=True)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["mask.png"]


def test_a_full_disk_is_reported_in_one_line(tmp_path):
    def fail(file):
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="No space left") as caught:
        atomic_write(tmp_path / "mask.png", fail)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    atomic_write(tmp_path / "link", _write(b"new"), overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_refuses_what_is_no_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    for name in (".", "pipe", "file/below.png", "x" * 300, "a\0b"):
        with pytest.raises(InputError) as caught:
            check_writable(tmp_path / name, overwrite=True)
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_refuses_a_directory_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="may write"):
        check_writable(tmp_path / "mask.png", overwrite=False)


def test_printable_is_one_line_and_keeps_every_script():
    assert printable("Hündchen 狗.png") == "Hündchen 狗.png"
    assert printable("a\nb\t\udcff") == "a\\nb\\t\\udcff"


def test_a_new_directory_is_there_at_the_end_and_nothing_else(tmp_path):
    path = tmp_path / "a" / "export"
    with new_directory(path) as directory:
        (directory / "file").write_text("new")
        assert not path.exists()
    assert (path / "file").read_text() == "new"
    assert os.listdir(tmp_path / "a") == ["export"]
    (tmp_path / "theirs").mkdir()
    assert path.stat().st_mode == (tmp_path / "theirs").stat().st_mode


def test_a_directory_is_replaced_as_a_whole_and_only_where_asked(tmp_path):
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "by hand").touch()
    with pytest.raises(InputError, match="exists already"), new_directory(tmp_path / "export"):
        pass
    assert os.listdir(tmp_path / "export") == ["by hand"]
    with new_directory(tmp_path / "export", overwrite=True) as directory:
        (directory / "new").touch()
    assert os.listdir(tmp_path / "export") == ["new"]
    assert os.listdir(tmp_path) == ["export"]


@pytest.mark.parametrize("error", [RuntimeError(), KeyboardInterrupt(), OSError(28, "No space")])
def test_a_failure_half_way_keeps_the_old_directory_and_leaves_no_rest(tmp_path, error):
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "old").touch()

    def fail():
        with new_directory(tmp_path / "export", overwrite=True) as directory:
            (directory / "new").touch()
            raise error

    with pytest.raises((type(error), InputError)):
        fail()
    assert os.listdir(tmp_path / "export") == ["old"]
    assert os.listdir(tmp_path) == ["export"]


def test_if_the_new_directory_cannot_take_its_place_the_old_one_comes_back(tmp_path, monkeypatch):
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "old").touch()
    rename, renamed = os.rename, []

    def fail_at_the_second(source, target):
        renamed.append(target)
        if len(renamed) == 2:
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr("os.rename", fail_at_the_second)
    with (
        pytest.raises(InputError, match="Input/output error"),
        new_directory(tmp_path / "export", overwrite=True),
    ):
        pass
    assert os.listdir(tmp_path / "export") == ["old"]
    assert os.listdir(tmp_path) == ["export"]


def test_a_place_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    check_place(tmp_path / "new" / "export")
    with pytest.raises(InputError, match="no directory"):
        check_place(tmp_path / "file" / "export")


def test_the_sum_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_json_is_an_object_in_utf_8_with_or_without_its_mark(tmp_path):
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "a.json").write_text('{"name": "Hündchen 狗"}', encoding=encoding)
        assert read_json(tmp_path / "a.json") == {"name": "Hündchen 狗"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_named(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json must (be|hold) a JSON"):
        read_json(tmp_path / "a.json")


def test_a_missing_json_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.json must be a JSON file"):
        read_json(tmp_path / "none.json")
