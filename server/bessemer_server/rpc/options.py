"""Settings of gRPC's core for our servers."""

from __future__ import annotations

SERVER = (
    ("grpc.so_reuseport", 0),  # a port in use is an error, not a second server that steals its calls
    ("grpc.max_receive_message_length", 256 * 1024 * 1024),
    ("grpc.max_send_message_length", -1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
)
SHARING = (("grpc.so_reuseport", 1), *SERVER[1:])
"""For processes that listen on one port together."""
