"""Settings of gRPC's core for our servers."""

from __future__ import annotations

from bessemer_server.rpc.http2 import headers

METADATA_BYTES = headers.MAX_LIST_BYTES + (16 << 10)
MOST_CALLS = 1 << 20
"""That may wait for the server to see them: more than connections have streams. By itself it cancels some of those beyond 1,000, by chance."""
SERVER = (
    ("grpc.so_reuseport", 0),  # a port in use is an error, not a second server that steals its calls
    ("grpc.max_receive_message_length", 256 * 1024 * 1024),
    ("grpc.max_send_message_length", -1),
    # As much as a call may have, and a little of its own: by itself it begins to refuse calls at 8 KiB, by chance.
    ("grpc.max_metadata_size", METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES),
    ("grpc.server.max_pending_requests", MOST_CALLS),
    ("grpc.server.max_pending_requests_hard_limit", MOST_CALLS),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
)
