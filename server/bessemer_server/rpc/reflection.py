"""Server reflection that shows the Open Inference Protocol under its standard name.

Its messages live in a package of our own, so that tritonclient can share a process with us. Reflection clients ask for
`inference.GRPCInferenceService`: a private descriptor pool holds the files with the package renamed.
"""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc_reflection.v1alpha import reflection

OURS, STANDARD = "bessemer.inference.v2", "inference"


def enable(server: grpc.aio.Server, files: Sequence[FileDescriptor], names: Sequence[str]) -> None:
    """Serve reflection for the services `names`, which `files` define."""
    pool = descriptor_pool.DescriptorPool()
    seen: set[str] = set()
    for file in files:
        _add(pool, file, seen)
    reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server, pool=pool)


def _add(pool: descriptor_pool.DescriptorPool, file: FileDescriptor, seen: set[str]) -> None:
    if file.name in seen:
        return
    seen.add(file.name)
    for dependency in file.dependencies:
        _add(pool, dependency, seen)
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    if proto.package == OURS:
        _rename(proto)
    pool.Add(proto)


def _rename(proto: descriptor_pb2.FileDescriptorProto) -> None:
    proto.package = STANDARD
    for message in proto.message_type:
        _rename_fields(message)
    for service in proto.service:
        for method in service.method:
            method.input_type = _renamed(method.input_type)
            method.output_type = _renamed(method.output_type)


def _rename_fields(message: descriptor_pb2.DescriptorProto) -> None:
    for field in message.field:
        if field.type_name:
            field.type_name = _renamed(field.type_name)
    for nested in message.nested_type:
        _rename_fields(nested)


def _renamed(name: str) -> str:
    return name.replace(f".{OURS}.", f".{STANDARD}.", 1)
