import pytest

from training import storage


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(b"content")
    return path


def test_a_stored_file_comes_back(source, tmp_path):
    storage.store("a/b/file.bin", source)
    storage.fetch("a/b/file.bin", tmp_path / "new" / "copy")

    assert (tmp_path / "new" / "copy").read_bytes() == b"content"
    assert storage.names_in("a/b") == ["a/b/file.bin"]


def test_a_name_is_kept_and_its_content_replaced_whole(source):
    storage.store("file.bin", source)
    source.write_bytes(b"newer")
    storage.store("file.bin", source)

    with storage.default_storage.open("file.bin") as file:
        assert file.read() == b"newer"


def test_a_name_may_not_leave_the_storage(source):
    with pytest.raises(Exception, match="outside"):
        storage.store("../escape", source)


def test_an_absent_folder_has_no_names():
    assert storage.names_in("nowhere") == []


def test_half_written_files_are_not_listed(source):
    storage.store("folder/file.bin", source)
    folder = storage.Path(storage.default_storage.path("folder"))
    (folder / ".file.bin.123.part").write_bytes(b"half")

    assert storage.names_in("folder") == ["folder/file.bin"]
