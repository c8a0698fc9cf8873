"""The safetensors format: named tensors in one file, which no code needs to run to read.

Source: huggingface/safetensors, README, "Format". Its library wants all tensors in memory; a header and the stored parts
in order are the same file.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence

from bessemer_server.domain.checkpoints import TensorEntry

DTYPES = {
    "bool": "BOOL",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
}
"""The format's name of each dtype of a checkpoint."""
ALIGNMENT = 8
_LENGTH = struct.Struct("<Q")


def header(tensors: Sequence[TensorEntry], metadata: Mapping[str, str]) -> bytes:
    """What comes before the bytes of the tensors, which follow in this order without gaps."""
    entries: dict[str, object] = {"__metadata__": dict(metadata)}
    start = 0
    for tensor in tensors:
        end = start + tensor.size_bytes
        entries[tensor.name] = {
            "dtype": DTYPES[tensor.dtype],
            "shape": tensor.shape,
            "data_offsets": (start, end),
        }
        start = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return _LENGTH.pack(len(text)) + text
