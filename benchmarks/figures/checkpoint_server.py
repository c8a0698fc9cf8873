"""A script: the server's end of one attempt, with its database, in a process of its own.

python -m benchmarks.figures.checkpoint_server FOLDER SPEC prints `ADDRESS TOKEN` and serves until standard input closes.
"""

from __future__ import annotations

import asyncio
import json
import pathlib
import sys

import grpc

from bessemer.worker.v1 import worker_pb2_grpc
from bessemer_server.blobs.sql import SqlBlobStore
from bessemer_server.domain.jobs import NewJob
from bessemer_server.executors.logs import LogCollector
from bessemer_server.rpc import guarding, traffic, worker
from bessemer_server.scheduling.collector import Collector
from bessemer_server.scheduling.loop import Scheduler, digest_token, utc_now
from bessemer_server.scheduling.notices import Notices
from bessemer_server.stores.sql.store import SqlStore


async def serve(folder: pathlib.Path, spec: dict[str, object]) -> None:
    """One job, its first attempt, and all that a trainer may ask for."""
    store = await SqlStore.open(f"sqlite:///{folder}/bessemer.db")
    await store.create_job(NewJob("job", "bench", spec, spec), utc_now())
    await store.start_attempt("job", "cpu#0", digest_token("token"), utc_now())
    notices, collector = Notices(), Collector(store)
    logs = LogCollector(store, folder / "logs", notices.announce)
    resources = worker.Resources(1, None, folder, 3)
    servicer = worker.WorkerServicer(
        store,
        SqlBlobStore(store.database),
        Scheduler(store, notices, 10.0, server="a", logs=logs),
        notices,
        resources,
        logs=logs,
        collector=collector,
    )
    server = grpc.aio.server(
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    worker_pb2_grpc.add_WorkerServiceServicer_to_server(
        servicer, guarding.GuardedServer(server, traffic.Traffic())
    )
    address = f"unix:{folder}/worker.sock"
    server.add_insecure_port(address)
    await server.start()
    collecting = asyncio.create_task(collector.run())
    print(address, "token", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    collecting.cancel()
    await server.stop(None)
    await store.close()


if __name__ == "__main__":
    asyncio.run(serve(pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])))
