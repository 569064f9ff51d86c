"""The Protocol Buffer messages that weights are described with, and only their fields used here.

They live in a pool of their own, so that TensorFlow, which registers messages of the same
names, may be in the process or may be missing. Field numbers: `tensor_bundle.proto`,
`tensor_shape.proto`, `tensor_slice.proto`, `versions.proto`, `trackable_object_graph.proto`,
`checkpoint_state.proto`, `tensor.proto` and `node_def.proto` of TensorFlow.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf.message import DecodeError

from port.sources.wire import MalformedError

# message: "number type name" of each field; a star marks a repeated field. Enumerations are
# read as int32, and a map as the repeated entry it is on the wire.
_MESSAGES = {
    "VersionDef": "1 int32 producer, 2 int32 min_consumer",
    "BundleHeader": "1 int32 num_shards, 2 int32 endianness, 3 VersionDef version",
    "Dim": "1 int64 size",
    "TensorShape": "2 Dim* dim, 3 bool unknown_rank",
    "Extent": "1 int64 start, 2 int64? length",
    "TensorSlice": "1 Extent* extent",
    "BundleEntry": "1 int32 dtype, 2 TensorShape shape, 3 int32 shard_id, 4 int64 offset, "
    "5 int64 size, 6 fixed32 crc32c, 7 TensorSlice* slices",
    "SerializedTensor": "1 string name, 2 string full_name, 3 string checkpoint_key",
    "TrackableObject": "2 SerializedTensor* attributes",
    "TrackableObjectGraph": "1 TrackableObject* nodes",
    "CheckpointState": "1 string model_checkpoint_path, "
    "2 string* all_model_checkpoint_paths, "
    "3 double* all_model_checkpoint_timestamps, 4 double last_preserved_timestamp",
    "Tensor": "1 int32 dtype, 2 TensorShape tensor_shape, 4 bytes tensor_content, "
    "5 float* float_val, 6 double* double_val, 7 int32* int_val, 8 bytes* string_val, "
    "10 int64* int64_val, 11 bool* bool_val, 13 int32* half_val, 16 uint32* uint32_val, "
    "17 uint64* uint64_val",
    "AttrValue": "8 Tensor tensor",
    "AttrEntry": "1 string key, 2 AttrValue value",
    "Node": "1 string name, 2 string op, 5 AttrEntry* attr",
}


def parse(message: str, data: bytes) -> Any:
    """Return the message of that name that `data` encodes.

    Raises:
        MalformedError: `data` is no such message.

    """
    try:
        return _classes[message].FromString(data)
    except DecodeError as error:
        raise MalformedError(f"holds a damaged {message} record") from error


def parse_text(message: str, text: str) -> Any:
    """Return the message of that name that `text` writes out in the text format.

    Raises:
        MalformedError: `text` is no such message.

    """
    try:
        return text_format.Parse(text, _classes[message]())
    except text_format.ParseError as error:
        raise MalformedError(f"is no {message} text: {error}") from error


def _declare() -> dict[str, Any]:
    """Return the class of each message, registered in a private pool."""
    file = descriptor_pb2.FileDescriptorProto(
        name="port/sources.proto", package="port.sources", syntax="proto3"
    )
    for message, fields in _MESSAGES.items():
        descriptor = file.message_type.add(name=message)
        for field in fields.split(", "):
            _declare_field(descriptor, *field.split())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        message: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"port.sources.{message}")
        )
        for message in _MESSAGES
    }


def _declare_field(message: Any, number: str, kind: str, name: str) -> None:
    """Add one field; a question mark on its type asks for whether it was set."""
    field = message.field.add(name=name, number=int(number))
    scalar = kind.rstrip("*?")
    if scalar in _MESSAGES:
        field.type, field.type_name = field.TYPE_MESSAGE, f".port.sources.{scalar}"
    else:
        field.type = getattr(field, f"TYPE_{scalar.upper()}")
    field.label = field.LABEL_REPEATED if kind.endswith("*") else field.LABEL_OPTIONAL
    if kind.endswith("?"):
        field.proto3_optional, field.oneof_index = True, len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{name}")


_classes = _declare()
