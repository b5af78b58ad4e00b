"""DagSpecs as bytes, and the version that follows from them."""

from hashlib import sha256

import msgspec

from tradewind.core.dag import DagSpec
from tradewind.core.errors import InvalidInput
from tradewind.core.soundness import fault_of

_as_read = msgspec.json.Encoder()
_sorted = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(DagSpec)


def encode_spec(spec: DagSpec) -> bytes:
    """JSON with the tasks in the order in which people read them."""
    return _as_read.encode(spec)


def decode_spec(encoded: bytes) -> DagSpec:
    """The DagSpec of `encode_spec`'s bytes. Raises InvalidInput, with what is wrong, where it is no sound one."""
    try:
        spec = _decoder.decode(encoded)
        fault = fault_of(spec)
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError, ValueError) as error:
        raise InvalidInput(f"A Dag cannot be read: {error}.") from None
    except RecursionError:
        raise InvalidInput("A Dag cannot be read: it is nested too deep.") from None
    if fault:
        raise InvalidInput(fault)
    return spec


def version_of(spec: DagSpec, digest: str) -> str:
    """A version is a hash of a Dag's structure, whatever the order it was written in, and of its file's source."""
    return sha256(_sorted.encode(spec) + b"\0" + digest.encode()).hexdigest()[:32]
