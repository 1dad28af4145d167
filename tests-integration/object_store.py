"""A real object store with the S3 protocol, on this machine, for the duration of a `with` block."""

import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager

KEY, SECRET = "AKIAOFTHETESTS", "secret-of-the-tests"
_PORTS = [
    *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc"),
    *("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc"),
]


@contextmanager
def object_store(folder):
    """Start SeaweedFS on free ports, and yield the environment variables by which clients find it."""
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    ports = dict(zip(_PORTS, _find_free_ports(len(_PORTS)), strict=True))
    options = {
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3.config": config,
        "s3.autoCreateBucket": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "volume.max": 500,  # each bucket needs seven
        "volume.preStopSeconds": 0,
        "master.volumeSizeLimitMB": 64,
        **ports,
    }
    arguments = [f"-{name}={value}" for name, value in options.items()]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(["weed", "server", "-s3", *arguments], stdout=log, stderr=log)
    try:
        environment = {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3.port']}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        _wait_until_ready(server, folder, environment["AWS_ENDPOINT_URL"])
        yield environment
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder)


def _find_free_ports(count):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait_until_ready(server, folder, url, timeout=60):
    """Wait until an object can be written: the parts of the store connect to each other one by one."""
    from s3fs import S3FileSystem

    settings = {"key": KEY, "secret": SECRET, "endpoint_url": url, "skip_instance_cache": True}
    deadline = time.monotonic() + timeout
    while server.poll() is None and time.monotonic() < deadline:
        try:
            store = S3FileSystem(**settings, config_kwargs={"retries": {"max_attempts": 1}})
            if not store.exists("ready"):
                store.mkdir("ready")
            store.pipe_file("ready/yes", b"")
            return
        except Exception:  # noqa: BLE001  # a store that is not ready fails in many ways
            time.sleep(0.2)
    raise RuntimeError((folder / "log").read_text()[-2000:] + os.linesep)
