"""An S3 for tests: moto's server in a process of its own, so that a test can stop and start it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "tester",
    "AWS_SECRET_ACCESS_KEY": "a-secret-for-tests",
    "AWS_DEFAULT_REGION": "ap-northeast-2",
}


class S3Server:
    """Listens on a free loopback port; what it holds is gone when it stops."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *buckets: str) -> None:
        code = "from moto.server import main; main()"
        command = [sys.executable, "-c", code, "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        over = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/moto-api/", timeout=10).close()
                break
            except OSError:
                assert self._process.poll() is None, "moto's server ended"
                assert time.monotonic() < over, "moto's server did not answer"
                time.sleep(0.1)
        for bucket in buckets:
            body = b"<CreateBucketConfiguration><LocationConstraint>ap-northeast-2</LocationConstraint>"
            body += b"</CreateBucketConfiguration>"
            request = urllib.request.Request(f"{self.url}/{bucket}", data=body, method="PUT")
            urllib.request.urlopen(request, timeout=30).close()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
