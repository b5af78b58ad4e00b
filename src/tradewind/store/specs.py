"""DagSpecs as bytes, and the version that follows from them."""

from hashlib import sha256

import msgspec

from tradewind.core.dag import DagSpec

_as_read = msgspec.json.Encoder()
_sorted = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(DagSpec)


def encode_spec(spec: DagSpec) -> bytes:
    """JSON with the tasks in the order in which people read them."""
    return _as_read.encode(spec)


def decode_spec(encoded: bytes) -> DagSpec:
    """The DagSpec of `encode_spec`'s bytes. Raises msgspec.DecodeError for bytes that are not one."""
    return _decoder.decode(encoded)


def version_of(spec: DagSpec, digest: str) -> str:
    """A version is a hash of a Dag's structure, whatever the order it was written in, and of its file's source."""
    return sha256(_sorted.encode(spec) + b"\0" + digest.encode()).hexdigest()[:32]
