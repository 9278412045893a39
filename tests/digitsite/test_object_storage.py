"""Files in a bucket: a real server of the protocol, and the errors that a disk would raise."""

import errno
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from digitsite.file_storage import LOCAL, storage_for
from tests.conftest import free_port
from tests.object_store import KEYS, ObjectStore, object_store
from training import storage

FULL_URL = "s3://digits/site/one?endpoint=http://127.0.0.1:9000&region=eu-central-1"


def test_without_a_url_files_are_in_a_local_folder():
    assert storage_for("") == LOCAL


def test_a_url_names_bucket_prefix_endpoint_and_region():
    assert storage_for(FULL_URL)["OPTIONS"] == {
        "bucket_name": "digits",
        "location": "site/one",
        "endpoint_url": "http://127.0.0.1:9000",
        "region_name": "eu-central-1",
    }


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("/srv/files", "not an address of a bucket"),
        ("https://bucket.example.org", "not an address of a bucket"),
        ("s3:///prefix", "not an address of a bucket"),
        ("s3://key:secret@bucket", "not an address of a bucket"),
        ("s3://bucket?endpont=http://x", "option 'endpont'"),
        ("s3://bucket?endpoint=host:9000", "not an http or https address"),
    ],
)
def test_a_url_that_is_not_understood_is_refused_without_being_repeated(url, reason):
    with pytest.raises(ImproperlyConfigured, match=reason) as refusal:
        storage_for(url)
    assert "secret" not in str(refusal.value)


@pytest.fixture(scope="module")
def _server(tmp_path_factory) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("s3") / "moto.log") as server:
        yield server


@pytest.fixture
def keys(monkeypatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def store(_server, keys, settings) -> ObjectStore:
    """The default storage is an empty bucket of a real server."""
    _server.empty()
    settings.STORAGES = settings.STORAGES | {"default": storage_for(_server.files_url)}
    return _server


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(b"content")
    return path


@pytest.mark.processes
def test_a_file_is_one_object_under_the_prefix_and_comes_back(store, source, tmp_path):
    storage.store("runs/7/1/model.onnx", source)
    storage.fetch("runs/7/1/model.onnx", tmp_path / "copy")

    assert store.object_names() == ["site/runs/7/1/model.onnx"]
    assert (tmp_path / "copy").read_bytes() == b"content"
    assert default_storage.size("runs/7/1/model.onnx") == 7


@pytest.mark.processes
def test_a_name_is_kept_and_its_content_replaced(store, source):
    storage.store("file.bin", source)
    source.write_bytes(b"newer")
    storage.store("file.bin", source)

    with default_storage.open("file.bin") as file:
        assert file.read() == b"newer"
    assert store.object_names() == ["site/file.bin"]


@pytest.mark.processes
def test_a_folder_is_listed_and_emptied(store, source):
    names = [f"runs/7/checkpoints/epoch-{n:05d}.ckpt" for n in range(3)]
    for name in [*names, "runs/77/other"]:
        storage.store(name, source)

    assert storage.names_in("runs/7/checkpoints") == names
    storage.delete(names)
    storage.drop_unfinished("runs/7/checkpoints")
    assert storage.names_in("runs/7/checkpoints") == []
    assert storage.names_in("nowhere") == []
    assert store.object_names() == ["site/runs/77/other"]


@pytest.mark.processes
def test_threads_share_the_storage(store):
    def write(number: int) -> None:
        for turn in range(5):
            default_storage.save(f"{number}/{turn}", ContentFile(b"x" * 1000 * (number + 1)))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(store.object_names()) == 20
    assert {default_storage.size(f"3/{turn}") for turn in range(5)} == {4000}


@pytest.mark.processes
def test_what_is_not_there_is_a_file_not_found(store, tmp_path):
    assert not default_storage.exists("absent")
    with pytest.raises(FileNotFoundError):
        storage.fetch("absent", tmp_path / "copy")
    with pytest.raises(FileNotFoundError):
        default_storage.size("absent")


@pytest.mark.processes
def test_a_file_that_vanishes_between_opening_and_reading_is_a_file_not_found(store, source):
    storage.store("file.bin", source)
    file = default_storage.open("file.bin")
    storage.delete(["file.bin"])
    with pytest.raises(FileNotFoundError):
        file.read()


@pytest.mark.processes
def test_a_name_may_not_leave_the_prefix(store, source):
    with pytest.raises(SuspiciousOperation):
        storage.store("../escape", source)


@pytest.mark.processes
def test_a_bucket_that_does_not_exist_is_named_as_the_reason(store, source, settings):
    options = storage_for(store.files_url.replace("digits", "nothing"))
    settings.STORAGES = settings.STORAGES | {"default": options}
    with pytest.raises(OSError, match="bucket of the file storage does not exist"):
        storage.store("file.bin", source)


def test_a_server_that_is_not_there_is_away(keys, settings, source):
    url = f"s3://digits?endpoint=http://127.0.0.1:{free_port()}&region=x"
    settings.STORAGES = settings.STORAGES | {"default": storage_for(url)}
    with pytest.raises(ConnectionError, match="does not answer"):
        storage.store("file.bin", source)
    with pytest.raises(ConnectionError):
        default_storage.exists("file.bin")


@pytest.mark.parametrize(
    ("status", "code", "expected", "number"),
    [
        (503, "SlowDown", ConnectionError, None),
        (500, "InternalError", ConnectionError, None),
        (507, "XMinioStorageFull", OSError, errno.ENOSPC),
        (403, "AccessDenied", PermissionError, errno.EACCES),
        (404, "NoSuchKey", FileNotFoundError, errno.ENOENT),
        (404, "NoSuchBucket", OSError, errno.ENXIO),
        (400, "InvalidRequest", OSError, errno.EIO),
    ],
)
def test_an_answer_of_the_server_becomes_the_error_of_a_disk(
    refusing_server, settings, source, status, code, expected, number
):
    url = refusing_server(status, code)
    settings.STORAGES = settings.STORAGES | {"default": storage_for(url)}
    with pytest.raises(expected) as raised:
        storage.store("file.bin", source)
    assert type(raised.value) is expected
    assert raised.value.errno == number


@pytest.fixture
def refusing_server(keys):
    """A function that starts a server whose every answer is one error; it returns the files URL."""
    servers = []

    def start(status: int, code: str) -> str:
        body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()

        class Refuse(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_) -> None:
                """Tests are quiet."""

        server = HTTPServer(("127.0.0.1", 0), Refuse)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"s3://digits?endpoint=http://127.0.0.1:{server.server_port}&region=x"

    with mock.patch("time.sleep"):  # the pauses between boto3's own attempts
        yield start
    for server in servers:
        server.shutdown()
        server.server_close()
