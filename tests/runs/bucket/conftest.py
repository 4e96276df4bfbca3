"""A server of S3 in this process, and folders that are gone after a test."""

import logging
import os

import pytest

from ganzoo.runs import lock
from ganzoo.runs.bucket import copy, mirror
from ganzoo.runs.bucket.store import Store

KEYS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",  # there are no credentials but these
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@pytest.fixture(scope="session")
def server():
    """A server of S3 on a free port of this machine, and a client of it."""
    pytest.importorskip("s3fs")
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    yield url, boto3.client("s3", endpoint_url=url, aws_access_key_id="key", aws_secret_access_key="secret")
    server.stop()


@pytest.fixture
def s3(server, monkeypatch, tmp_path):
    """A client of the server, with an empty bucket `bucket`, and a machine that has fetched nothing."""
    url, client = server
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": url, "XDG_CACHE_HOME": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(mirror, "PAUSES", (0.0,))
    monkeypatch.setattr(lock, "SETTLE", 0.01)
    client.create_bucket(Bucket="bucket")
    yield client
    lock.let_go()
    mirror.met.clear()
    mirror.mirrors.clear()
    copy.brought.clear()
    for entry in client.list_objects_v2(Bucket="bucket").get("Contents", []):
        client.delete_object(Bucket="bucket", Key=entry["Key"])
    client.delete_bucket(Bucket="bucket")


@pytest.fixture
def another_client():
    """Let fsspec forget its client of S3, now and after the test: it keeps the environment in which it was made."""
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    yield
    S3FileSystem.clear_instance_cache()


@pytest.fixture
def names(s3):
    """Give the names of all that the bucket has."""
    return lambda: {entry["Key"] for entry in s3.list_objects_v2(Bucket="bucket").get("Contents", [])}


@pytest.fixture
def store(s3):
    """Give the store of the run `s3://bucket/run`."""
    return Store("s3://bucket/run")
