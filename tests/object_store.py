"""A real server process that speaks S3, for tests."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import httpx
from botocore.config import Config

from tests.conftest import free_port

BUCKET = "digits"
KEYS = {"AWS_ACCESS_KEY_ID": "for-tests", "AWS_SECRET_ACCESS_KEY": "for-tests"}


@dataclass(frozen=True)
class ObjectStore:
    endpoint: str
    process: subprocess.Popen

    @property
    def files_url(self) -> str:
        return f"s3://{BUCKET}/site?endpoint={self.endpoint}&region=eu-central-1"

    @property
    def client(self):
        """boto3's own client, to look at the bucket past our storage."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="eu-central-1",
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            config=Config(s3={"addressing_style": "path"}),
        )

    def object_names(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", ()))

    def empty(self) -> None:
        for key in self.object_names():
            self.client.delete_object(Bucket=BUCKET, Key=key)


@contextmanager
def object_store(log: Path) -> Iterator[ObjectStore]:
    """moto's server with one empty bucket; it keeps everything in memory. Killed at the end."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-p", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{endpoint}/moto-api/", timeout=5)
                break
            except httpx.TransportError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.05)
        store = ObjectStore(endpoint, process)
        store.client.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        yield store
    finally:
        process.kill()
        process.wait()
