"""DagSpecs as bytes, and the version that follows from them."""

import zlib
from dataclasses import replace
from hashlib import sha256

import msgspec

from tradewind.core.dag import DagSpec, GroupSpec, TaskSpec
from tradewind.core.errors import InvalidInput
from tradewind.core.soundness import fault_of
from tradewind.core.timetables.spec import TimetableSpec

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


def pack_spec(encoded: bytes) -> bytes:
    """The same bytes, smaller: most of a spec is the names of its fields and what is usual."""
    packer = zlib.compressobj(level=6, wbits=-zlib.MAX_WBITS, memLevel=9, zdict=_USUAL)
    return packer.compress(encoded) + packer.flush()


def unpack_spec(packed: bytes) -> DagSpec:
    """The DagSpec of what `pack_spec` was given. Nobody looks again whether it is sound."""
    return _decoder.decode(zlib.decompressobj(wbits=-zlib.MAX_WBITS, zdict=_USUAL).decompress(packed))


def _usual() -> bytes:
    task = TaskSpec(task_id="", operator="PythonOperator", template_fields=("templates_dict", "op_args", "op_kwargs"))
    bash = replace(task, operator="BashOperator", template_fields=("bash_command", "env", "cwd"))
    groups = (GroupSpec(group_id=None),)
    spec = DagSpec(dag_id="", file="", tasks={"": bash, "a": task}, timetable=TimetableSpec(kind="cron"), groups=groups)
    return encode_spec(spec)


_USUAL = _usual()


def version_of(spec: DagSpec, digest: str) -> str:
    """A version is a hash of a Dag's structure, whatever the order it was written in, and of its file's source."""
    return sha256(_sorted.encode(spec) + b"\0" + digest.encode()).hexdigest()[:32]
