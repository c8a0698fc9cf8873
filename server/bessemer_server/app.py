"""The composition root: builds the service from its parts, starts it, drains it, stops it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import gc
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from bessemer.inference.v2 import inference_pb2
from bessemer.v1 import (
    catalog_pb2,
    catalog_pb2_grpc,
    datasets_pb2,
    datasets_pb2_grpc,
    jobs_pb2,
    jobs_pb2_grpc,
    models_pb2,
    models_pb2_grpc,
)
from bessemer.worker.v1 import worker_pb2_grpc
from bessemer_server import folder, logs, predicting
from bessemer_server.blobs.sql import SqlBlobStore
from bessemer_server.domain import errors, failpoints, processors
from bessemer_server.executors.evaluator import EvaluatorClient
from bessemer_server.executors.exporter import ExporterClient
from bessemer_server.executors.forkserver import ForkServer
from bessemer_server.executors.helper import Helper
from bessemer_server.executors.importer import ImporterClient
from bessemer_server.executors.ingester import IngesterClient
from bessemer_server.executors.logs import LogCollector
from bessemer_server.executors.planner import PlannerClient
from bessemer_server.executors.process import ProcessExecutor
from bessemer_server.rpc import (
    catalog,
    datasets,
    guarding,
    jobs,
    model_uploads,
    models,
    options,
    reflection,
    spooling,
    traffic,
    worker,
)
from bessemer_server.rpc.fronts import answering, hub, reserving
from bessemer_server.rpc.fronts.front import Front
from bessemer_server.rpc.inference import servicer as inference
from bessemer_server.rpc.inference import sharing
from bessemer_server.rpc.inference.inferring import Inferring
from bessemer_server.rpc.inference.loading import RepositoryServicer
from bessemer_server.scheduling import policy
from bessemer_server.scheduling.collector import Collector
from bessemer_server.scheduling.loop import Scheduler
from bessemer_server.scheduling.notices import Notices
from bessemer_server.scheduling.poller import Poller
from bessemer_server.serving import posix_objects, regions
from bessemer_server.serving.repository import Repository
from bessemer_server.settings import Settings
from bessemer_server.stores.sql.store import SqlStore
from bessemer_server.worker import entry

log = logging.getLogger(__name__)

PUBLIC_FILES = (
    jobs_pb2.DESCRIPTOR,
    models_pb2.DESCRIPTOR,
    datasets_pb2.DESCRIPTOR,
    catalog_pb2.DESCRIPTOR,
    inference_pb2.DESCRIPTOR,
    health_pb2.DESCRIPTOR,
)
PUBLIC_SERVICES = (
    "bessemer.v1.JobService",
    "bessemer.v1.ModelService",
    "bessemer.v1.DatasetService",
    "bessemer.v1.CatalogService",
    inference.SERVICE,
    health.SERVICE_NAME,
)


STDIN = 0
PLANNER_RETRY_S = 1.0
INGESTER_PATIENCE_S = 1800.0
PLANNER_PATIENCE_S = 60.0
EVALUATOR_PATIENCE_S = 3600.0
EXPORTER_PATIENCE_S = 600.0
PASSED_ON_S = 0.5
"""So long calls that were passed on may take to be answered before the server stops; streams may go on after that."""


class CannotStart(Exception):
    """Why, and what to do."""


async def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Run the service until SIGTERM, SIGINT, or the end of standard input where that was asked. `announce` is told once,
    when clients can call.
    """
    logs.configure(settings.log_level)
    failpoints.enable(os.environ)
    stop = _catch_stop(settings)
    try:
        with folder.hold(settings.data_dir), folder.hold_database(settings.database_file):
            async with _running(settings) as service:
                announce(f"bessemer-server listening on {service.address} (data in {settings.data_dir})")
                await _until(stop, service.scheduling)
                log.info("stopping: trainers save and end", extra={"grace_s": settings.grace_seconds})
                await _drain(service, settings)
    except (folder.FolderInUse, errors.DomainError, OSError) as error:
        raise CannotStart(str(error)) from error
    log.info("stopped")


async def _until(stop: asyncio.Event, scheduling: asyncio.Task[None]) -> None:
    """Wait for the stop. Raises what ended the scheduling, if that ends first: there is no service without it."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, scheduling}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if scheduling.done():
        scheduling.result()


@dataclasses.dataclass(frozen=True, slots=True)
class _Service:
    address: str
    server: grpc.aio.Server
    fronts: hub.Hub | Front
    health: health.aio.HealthServicer
    inference: inference.InferenceServicer
    calls: traffic.Traffic
    scheduler: Scheduler
    scheduling: asyncio.Task[None]


@contextlib.asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[_Service]:
    """Build everything, start it, and take it down again in the opposite order."""
    async with contextlib.AsyncExitStack() as stack:
        address, fronts = _prepare_fronts(stack, settings)
        store = await SqlStore.open(settings.database_url)
        stack.push_async_callback(store.close)
        failpoints.hit("start.opened")
        blobs = SqlBlobStore(store.database)

        forkserver = ForkServer()
        planner_helper = Helper("planner", forkserver, entry.run_planner, patience_s=PLANNER_PATIENCE_S)
        stack.push_async_callback(planner_helper.close)
        planner = PlannerClient(planner_helper)
        computing = await _start_predicting(stack, forkserver, blobs, settings)

        evaluator, exporter = _make_readers(forkserver, blobs, settings)
        ingester, importer = _make_checkers(forkserver)
        room = spooling.Room(settings.data_dir / "uploads", settings.max_upload_mib << 20)
        room.clear()

        notices = Notices()
        collector = Collector(store)
        log_collector = LogCollector(store, settings.logs_dir, notices.announce)
        scheduler = Scheduler(
            store,
            notices,
            settings.lease_seconds,
            server=folder.name_server(settings.data_dir),
            logs=log_collector,
            back_off_s=settings.back_off_seconds,
        )
        health_servicer = health.aio.HealthServicer()
        repository = Repository(store)
        calls = traffic.Traffic()
        shared = _share_memory(settings)
        predictions = Inferring(repository, computing.fleet, calls, shared)
        loads = RepositoryServicer(repository, computing.fleet, calls)
        inference_servicer = inference.InferenceServicer(
            repository, computing.fleet, predictions, loads, shared, over=calls.over
        )

        server = grpc.aio.server(options=options.SERVER)
        guarded: Any = guarding.GuardedServer(server, calls)
        jobs_pb2_grpc.add_JobServiceServicer_to_server(
            jobs.JobServicer(store, planner, scheduler, notices, log_collector, blobs=blobs), guarded
        )
        models_pb2_grpc.add_ModelServiceServicer_to_server(
            models.ModelServicer(
                store,
                blobs,
                evaluator,
                exporter,
                model_uploads.ModelUploads(store, blobs, importer, room),
                changed=repository.changed,
                forget=loads.forget,
            ),
            guarded,
        )
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(
            catalog.CatalogServicer(store, planner), guarded
        )
        datasets_pb2_grpc.add_DatasetServiceServicer_to_server(
            datasets.DatasetServicer(store, blobs, planner, ingester, room, collector=collector), guarded
        )
        worker_pb2_grpc.add_WorkerServiceServicer_to_server(
            worker.WorkerServicer(
                store,
                blobs,
                scheduler,
                notices,
                _share_out(settings),
                logs=log_collector,
                collector=collector,
                published=repository.changed,
            ),
            guarded,
        )
        health_pb2_grpc.add_HealthServicer_to_server(health_servicer, guarded)
        inference.register(guarded, inference_servicer)
        reflection.enable(server, PUBLIC_FILES, PUBLIC_SERVICES)

        worker_address = _bind_socket(server, settings)
        await server.start()
        stack.push_async_callback(server.stop, None)
        await fronts.start(answering.over(predictions))
        for name in ("", *PUBLIC_SERVICES):
            await health_servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
        failpoints.hit("start.serving")

        executor = ProcessExecutor(forkserver, worker_address, settings.logs_dir, scheduler.wake)
        stack.push_async_callback(executor.close)
        running = asyncio.create_task(_schedule(scheduler, executor, planner, computing, settings))
        for task in (collector.run(), log_collector.run(), Poller(store, notices).run(), running):
            stack.push_async_callback(_cancel, asyncio.ensure_future(task))
        gc.freeze()  # what is here stays: looking through it takes a tenth of a second, for which all calls would wait
        yield _Service(
            address, server, fronts, health_servicer, inference_servicer, calls, scheduler, running
        )


def _share_out(settings: Settings) -> worker.Resources:
    """What each trainer has."""
    return worker.Resources(
        threads=max(1, processors.count() // max(1, settings.slots)),
        dataset_dir=settings.dataset_dir,
        cache_dir=settings.cache_dir,
        keep_checkpoints=settings.keep_checkpoints,
    )


async def _start_predicting(
    stack: contextlib.AsyncExitStack, forkserver: ForkServer, blobs: SqlBlobStore, settings: Settings
) -> predicting.Predicting:
    # GPUs come later, and yet end with the rest.
    predictors = await stack.enter_async_context(contextlib.AsyncExitStack())
    computing = predicting.Predicting(predictors, forkserver, blobs, settings)
    if settings.metrics_listen:
        from bessemer_server.rpc import exposition  # its library is not needed otherwise

        stack.enter_context(exposition.serve(settings.metrics_listen, computing.fleet))
    return computing


def _share_memory(settings: Settings) -> sharing.Tensors:
    is_offered = settings.shares_memory and posix_objects.FOLDER.is_dir()
    return sharing.Tensors(regions.Registry(posix_objects.open_object) if is_offered else None)


def _make_readers(
    forkserver: ForkServer, blobs: SqlBlobStore, settings: Settings
) -> tuple[EvaluatorClient, ExporterClient]:
    """What works with a published model in a process for each call."""
    uploads = settings.data_dir / "uploads"
    return (
        EvaluatorClient(functools.partial(_make_evaluator, forkserver, settings), blobs, uploads),
        ExporterClient(functools.partial(_make_exporter, forkserver), blobs, uploads),
    )


def _make_checkers(forkserver: ForkServer) -> tuple[IngesterClient, ImporterClient]:
    """What looks into uploads in a process for each."""
    return (
        IngesterClient(
            lambda: Helper("ingester", forkserver, entry.run_ingester, patience_s=INGESTER_PATIENCE_S)
        ),
        ImporterClient(
            lambda: Helper("importer", forkserver, entry.run_importer, 1, patience_s=INGESTER_PATIENCE_S)
        ),
    )


def _make_exporter(forkserver: ForkServer) -> Helper:
    return Helper("exporter", forkserver, entry.run_exporter, 1, patience_s=EXPORTER_PATIENCE_S)


def _make_evaluator(forkserver: ForkServer, settings: Settings) -> Helper:
    threads = max(1, processors.count() // 2)
    folders = (str(settings.dataset_dir or ""), str(settings.cache_dir))
    return Helper(
        "evaluator", forkserver, entry.run_evaluator, threads, *folders, patience_s=EVALUATOR_PATIENCE_S
    )


async def _schedule(
    scheduler: Scheduler,
    executor: ProcessExecutor,
    planner: PlannerClient,
    computing: predicting.Predicting,
    settings: Settings,
) -> None:
    """Learn the devices from the planner, which knows torch; predict and schedule on them."""
    devices = policy.choose_devices(settings.device, await _find_devices(planner))
    computing.add_gpus(devices)
    name = folder.name_server(settings.data_dir)
    slots = policy.make_slots(devices, settings.slots or len(devices), name)
    log.info("ready to train", extra={"slots": slots})
    await scheduler.run(executor, slots)


async def _find_devices(planner: PlannerClient) -> tuple[str, ...]:
    while True:
        try:
            return (await planner.catalog()).devices
        except errors.Unavailable as error:
            log.warning("no planner yet", extra={"error": error.message})
            await asyncio.sleep(PLANNER_RETRY_S)


async def _drain(service: _Service, settings: Settings) -> None:
    """Say that we go, let trainers save, answer what was accepted, let calls end."""
    failpoints.hit("drain.begun")
    await service.health.enter_graceful_shutdown()
    service.inference.is_ready = False
    await service.scheduler.drain(settings.grace_seconds)
    failpoints.hit("drain.ended")
    await service.calls.close(settings.grace_seconds)
    # Who receives calls stops first: a server that stops cancels what is still on its way to it.
    receiving = asyncio.create_task(service.fronts.stop())
    await asyncio.wait({receiving}, timeout=PASSED_ON_S)
    await asyncio.gather(service.server.stop(min(settings.grace_seconds, 5.0)), receiving)


def _prepare_fronts(stack: contextlib.AsyncExitStack, settings: Settings) -> tuple[str, hub.Hub | Front]:
    """Keep the port; they listen when they are started. Without processes of their own, the server itself receives calls."""
    try:
        address, kept = reserving.reserve(settings.listen)
    except OSError as error:
        raise _cannot_listen(settings.listen) from error
    stack.enter_context(kept)
    upstream = f"unix:{folder.socket_path(settings.data_dir)}"
    fronts: hub.Hub | Front = Front(kept, upstream)
    if settings.front_count:
        fronts = hub.Hub(address, upstream, settings.front_count)
    stack.push_async_callback(fronts.stop)
    return address, fronts


def _cannot_listen(listen: str) -> CannotStart:
    host, _, _ = listen.rpartition(":")
    return CannotStart(
        f"cannot listen on {listen}: the port is in use or not allowed; choose another one with --listen, e.g. "
        f"--listen {host}:0 for any free port"
    )


def _bind_socket(server: grpc.aio.Server, settings: Settings) -> str:
    """The socket of this folder's trainers. One that a killed server left is removed: the folder's lock is ours."""
    path = folder.socket_path(settings.data_dir)
    path.unlink(missing_ok=True)
    address = f"unix:{path}"
    server.add_insecure_port(address)
    path.chmod(0o600)
    return address


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _catch_stop(settings: Settings) -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if settings.stop_with_stdin:
        # A thread, since a loop can wait for pipes but not for files. A daemon: the end of the process does not wait for it.
        threading.Thread(target=_await_end_of_stdin, args=(loop, stop), name="stdin", daemon=True).start()
    return stop


def _await_end_of_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    with contextlib.suppress(OSError):  # it is closed already
        while os.read(STDIN, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(stop.set)
