"""The floor: a server that answers each call with what came, and does nothing else. Run as a process of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from benchmarks.serving import load


async def main() -> None:
    """Serve until the process is ended; the first line that is printed has the address."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])

    async def answer(request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        return request

    service, method = load.INFER[1:].split("/")
    handlers: Any = {method: grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
