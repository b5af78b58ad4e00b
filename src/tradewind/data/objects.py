"""Objects under keys, in a folder or in S3, where an object can be written once and only once.

`open_store("s3://bucket/prefix")` needs `pip install 'tradewind[s3]'` and takes its credentials and endpoint from the
usual AWS_… variables; everything else is a folder.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from tradewind.data.files import replacing
from tradewind.data.masking import masked
from tradewind.data.problems import BadSetting, DataError, DataProblem, DiskFull, SourceUnavailable


class NoSuchObject(DataError):
    """Nothing is stored under a key."""


class ObjectStore(Protocol):
    """Objects, each written as a whole and never seen half written; all but `put_file` is for small ones."""

    def put_new(self, key: str, content: bytes) -> bool:
        """Store it unless the key is taken; False when it is, and then nothing has changed."""

    def put(self, key: str, content: bytes) -> None:
        """Store it, in place of what may be there."""

    def put_file(self, key: str, path: Path) -> None:
        """Store a file of any size, in place of what may be there."""

    def get(self, key: str) -> bytes:
        """The object; `NoSuchObject` when there is none."""

    def keys(self, prefix: str) -> list[str]:
        """The keys below a folder, in order."""

    def delete(self, key: str) -> None:
        """Remove it; no error when there is none."""


def open_store(address: str | Path) -> ObjectStore:
    """The store at an address: `s3://bucket/prefix`, or a folder, which is made when first written to."""
    text = str(address)
    if text.startswith("s3://"):
        return S3Store(text)
    if "://" in text:
        raise BadSetting(f"{masked(text)} is no store; give a folder or s3://bucket/prefix.")
    return FolderStore(Path(text).expanduser())


def exists(store: ObjectStore, key: str) -> bool:
    """Whether something is stored under the key."""
    try:
        store.get(key)
    except NoSuchObject:
        return False
    return True


class FolderStore:
    """Objects as files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    def put_new(self, key: str, content: bytes) -> bool:
        path = self._path(key)
        # Written beside its place first: a link is made of whole files only, and never over an existing one.
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
        with self._writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write(temporary, content)
                os.link(temporary, path)
            except FileExistsError:
                return False
            finally:
                temporary.unlink(missing_ok=True)
        return True

    def put(self, key: str, content: bytes) -> None:
        path = self._path(key)
        with self._writing(path), replacing(path) as temporary:
            _write(temporary, content)

    def put_file(self, key: str, path: Path) -> None:
        place = self._path(key)
        with self._writing(place), replacing(place) as temporary, path.open("rb") as source:
            with temporary.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
                file.flush()
                os.fsync(file.fileno())

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise NoSuchObject(f"{self.folder} has no {key}.") from None
        except OSError as error:
            raise SourceUnavailable(f"{self.folder / key} cannot be read ({error.strerror}).") from error

    def keys(self, prefix: str) -> list[str]:
        start = self._path(prefix) if prefix else self.folder
        found = (path for path in start.rglob("*") if path.is_file() and not path.name.endswith(".tmp"))
        return sorted(path.relative_to(self.folder).as_posix() for path in found)

    def delete(self, key: str) -> None:
        with self._writing(self._path(key)):
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if not key or any(part in ("", ".", "..") for part in parts):
            raise BadSetting(f"{key!r} is no key; keys are names with single slashes between them.")
        return self.folder.joinpath(*parts)

    @contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(f"The disk of {path.parent} is full, so {path.name} could not be written.") from error
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
                message = f"{path} cannot be written ({error.strerror}); let this user write there."
                raise DataProblem(message) from error
            raise SourceUnavailable(f"{path} could not be written ({error.strerror}).") from error


class S3Store:
    """Objects of one bucket, below one prefix."""

    def __init__(self, address: str, **options: Any) -> None:
        try:
            from obstore.store import S3Store as Bucket
        except ImportError as error:
            raise DataProblem("S3 takes a library that is not installed; run `pip install 'tradewind[s3]'`.") from error
        self.address = address.rstrip("/")
        bucket, _, prefix = self.address.removeprefix("s3://").partition("/")
        if not bucket:
            raise BadSetting(f"{address!r} names no bucket; write s3://bucket/prefix.")
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        if endpoint:
            options.setdefault("endpoint", endpoint)
            options.setdefault("client_options", {"allow_http": endpoint.startswith("http://")})
        options.setdefault(
            "region", os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        )
        options.setdefault(
            "retry_config",
            {
                "max_retries": 3,
                "retry_timeout": timedelta(seconds=30),
                "backoff": {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=5), "base": 2},
            },
        )
        self._bucket = Bucket(bucket, prefix=prefix or None, **options)

    def __str__(self) -> str:
        return self.address

    def put_new(self, key: str, content: bytes) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError

        with self._told(key):
            try:
                obstore.put(self._bucket, key, content, mode="create")
            except AlreadyExistsError:
                return False
        return True

    def put(self, key: str, content: bytes) -> None:
        import obstore

        with self._told(key):
            obstore.put(self._bucket, key, content)

    def put_file(self, key: str, path: Path) -> None:
        import obstore

        with self._told(key):
            obstore.put(self._bucket, key, path)

    def get(self, key: str) -> bytes:
        import obstore

        with self._told(key):
            return bytes(obstore.get(self._bucket, key).bytes())

    def keys(self, prefix: str) -> list[str]:
        import obstore

        with self._told(prefix):
            pages = obstore.list(self._bucket, prefix=prefix or None)
            return sorted(found["path"] for page in pages for found in page)

    def delete(self, key: str) -> None:
        import obstore

        try:
            with self._told(key):
                obstore.delete(self._bucket, key)
        except NoSuchObject:
            pass

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError

        try:
            yield
        except (NotFoundError, FileNotFoundError) as error:
            self._require_bucket(error)
            raise NoSuchObject(f"{self.address} has no {key}.") from None
        except (PermissionDeniedError, UnauthenticatedError) as error:
            message = f"{self.address} does not let {key} be used; check the AWS_… variables and the bucket's policy"
            raise DataProblem(f"{message} ({_first_line(error)}).") from None
        except (BaseError, OSError) as error:
            self._require_bucket(error)
            raise SourceUnavailable(f"{self.address} is away, or failed over {key!r} ({_first_line(error)}).") from None

    def _require_bucket(self, error: BaseException) -> None:
        if "NoSuchBucket" in str(error):
            message = f"{self.address} is no bucket that these credentials can see; make it, or name another."
            raise DataProblem(message) from None


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _first_line(error: BaseException) -> str:
    return masked(str(error).strip().split("\n")[0][:300])
