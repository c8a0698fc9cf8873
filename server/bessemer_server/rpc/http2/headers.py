"""Heads of gRPC calls, and how they end: gRPC's protocol over HTTP/2, "Requests" and "Responses"."""

from __future__ import annotations

import base64
import binascii
import functools
import re
import urllib.parse
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bessemer_server.rpc.http2.frames import Code, StreamFault

MAX_LIST_BYTES = 64 << 10
"""Of all names and values of one head, 32 more for each, as HTTP/2 counts them."""
FIELD_BYTES = 32
CONTENT_TYPE = "application/grpc"
CONTENT_TYPES = re.compile(r"application/grpc([+;].*)?")
"""Of calls; `application/grpc-web` is another protocol."""
LONGEST_S = 10 * 365 * 86_400.0
"""A deadline beyond it is none that matters, but gRPC's library takes one beyond some 290 years for one that has passed."""
UNITS_S = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])")
NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")
PASSED_NAME = re.compile(r"[0-9a-z\-_.]+")
PASSED_VALUE = re.compile(r"[ -~]*")
"""gRPC's protocol has fewer names, and values only of printable ASCII, than HTTP."""
OF_CONNECTIONS = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})
PSEUDO = frozenset({":method", ":scheme", ":path", ":authority"})
REQUIRED = (":method", ":scheme", ":path")
RESERVED = ("grpc-", ":")
OWN = frozenset({"user-agent", "content-type", "te", "accept-encoding", "host"})
"""Metadata that each connection has of its own, beside gRPC's and HTTP's."""

MOST_JOINED = 256
"""Values of one field, each of which becomes metadata of its own."""

Metadata = Sequence[tuple[str, str | bytes]]


class Head(NamedTuple):
    """How a call begins."""

    method: str
    """HTTP's."""
    path: str
    """`/package.Service/Method`."""
    content_type: str
    timeout_s: float | None
    encoding: str
    """How its messages may be compressed."""
    fields: tuple[tuple[str, str], ...]

    def metadata(self) -> list[tuple[str, str | bytes]]:
        """What the client itself has sent, but for what HTTP allows and gRPC does not: for one such field gRPC's library would refuse
        to send any, and the call would end as a mistake of the server.
        """
        return [
            (name, each)
            for name, value in self.fields
            if _is_passed(name) and (name.endswith("-bin") or PASSED_VALUE.fullmatch(value))
            for each in (_decode_each(value) if name.endswith("-bin") else (value,))
        ]


def _is_passed(name: str) -> bool:
    return name not in OWN and not name.startswith(RESERVED) and PASSED_NAME.fullmatch(name) is not None


def count(fields: Iterable[tuple[str, str]]) -> int:
    """The bytes of a head, as HTTP/2 counts them."""
    return sum(len(name) + len(value) + FIELD_BYTES for name, value in fields)


def read(fields: Sequence[tuple[str, str]]) -> Head:
    """The head with these fields, whose letters are bytes. Raises `StreamFault` for one that is not as RFC 9113, section 8.2 and 8.3,
    has requests.
    """
    if count(fields) > MAX_LIST_BYTES:
        raise StreamFault(Code.ENHANCE_YOUR_CALM, f"a head has more than {MAX_LIST_BYTES} bytes")
    found: dict[str, str] = {}
    regular = False
    for name, value in fields:
        if name.startswith(":"):
            if regular or name in found or name not in PSEUDO:
                raise StreamFault(Code.PROTOCOL_ERROR, f"{name!r} is not where it may be")
        elif not NAME.fullmatch(name) or name in OF_CONNECTIONS:
            raise StreamFault(Code.PROTOCOL_ERROR, f"no head has {name[:100]!r}")
        else:
            regular = True
        if "\n" in value or "\r" in value or "\0" in value:
            raise StreamFault(Code.PROTOCOL_ERROR, f"{name!r} has a value of more than a line")
        found[name] = value
    if any(not found.get(name) for name in REQUIRED):
        raise StreamFault(Code.PROTOCOL_ERROR, "a head without method, scheme or path")
    return Head(
        found[":method"],
        found[":path"],
        found.get("content-type", ""),
        _read_timeout(found.get("grpc-timeout")),
        found.get("grpc-encoding", "identity"),
        tuple(fields),
    )


def _read_timeout(text: str | None) -> float | None:
    """Seconds; None where none was said, or nothing that is a time."""
    match = TIMEOUT.fullmatch(text) if text else None
    return min(int(match[1]) * UNITS_S[match[2]], LONGEST_S) if match else None


def _decode_each(text: str) -> list[bytes]:
    """Several values of one name may come as one, with commas between; so many that the last of them is none."""
    return [_decode_binary(each) for each in text.split(",", MOST_JOINED)]


def _decode_binary(text: str) -> bytes:
    """Clients may leave padding out. What is no base64 is nothing."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def encode(fields: Iterable[tuple[str, str]]) -> bytes:
    """A block of literals that no table keeps: RFC 7541, section 6.2.2."""
    return b"".join(b"\0" + _string(name) + _string(value) for name, value in fields)


def _string(text: str) -> bytes:
    data = text.encode()
    return _integer(len(data)) + data


def _integer(value: int) -> bytes:
    """With a prefix of seven bits: RFC 7541, section 5.1."""
    if value < 0x7F:
        return bytes([value])
    rest, encoded = value - 0x7F, bytearray([0x7F])
    while rest > 0x7F:
        encoded.append(0x80 | rest & 0x7F)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)


BEGIN = encode([(":status", "200"), ("content-type", CONTENT_TYPE)])
"""How every answer begins."""
OK = encode([("grpc-status", "0")])
"""How an answer ends that nothing is to be said of."""


def end(code: int, message: str, metadata: Iterable[tuple[Any, Any]] = ()) -> bytes:
    """How an answer ends."""
    if not code and not message and not metadata:
        return OK
    return _encode_end(code, message, tuple(metadata))


@functools.lru_cache(maxsize=64)
def _encode_end(code: int, message: str, metadata: tuple[tuple[Any, Any], ...]) -> bytes:
    """Kept: who has more calls than can be answered refuses many in the same words."""
    return encode(end_fields(code, message, metadata))


def end_fields(code: int, message: str, metadata: Iterable[tuple[Any, Any]]) -> list[tuple[str, str]]:
    """The same, before it is encoded."""
    fields = [("grpc-status", str(code))]
    if message:
        fields.append(("grpc-message", urllib.parse.quote(message, safe=" !\"#$&'()*+,/:;<=>?@[\\]^`{|}")))
    fields += ((str(name), _encode_value(str(name), value)) for name, value in metadata)
    return fields


def begin_and_end(code: int, message: str, metadata: Iterable[tuple[Any, Any]] = ()) -> bytes:
    """An answer without a message."""
    return BEGIN + end(code, message, metadata)


def http_error(status: int) -> bytes:
    """To what is no call of gRPC."""
    return encode([(":status", str(status))])


def _encode_value(name: str, value: str | bytes) -> str:
    if not name.endswith("-bin"):
        return value if isinstance(value, str) else value.decode("latin-1")
    data = value if isinstance(value, bytes) else value.encode()
    return base64.b64encode(data).decode().rstrip("=")
