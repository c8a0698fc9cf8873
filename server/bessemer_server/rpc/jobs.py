"""JobService."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import grpc

from bessemer.v1 import jobs_pb2 as pb
from bessemer.v1 import jobs_pb2_grpc
from bessemer_server.domain import errors, jobs, ports
from bessemer_server.domain.metrics import Scope
from bessemer_server.domain.states import State
from bessemer_server.rpc import convert, feeds, predictions, sending, submitting, watching
from bessemer_server.scheduling import policy
from bessemer_server.scheduling.loop import Scheduler, utc_now
from bessemer_server.scheduling.notices import Notices

Context = grpc.aio.ServicerContext[Any, Any]


def _make_id() -> str:
    return secrets.token_hex(6)


class JobServicer(jobs_pb2_grpc.JobServiceServicer):
    """Accepts jobs into the store and tells of them."""

    def __init__(
        self,
        store: ports.Store,
        planner: ports.Planner,
        scheduler: Scheduler,
        notices: Notices,
        logs: ports.Logs,
        *,
        blobs: ports.BlobStore,
        clock: Callable[[], jobs.Time] = utc_now,
        make_id: Callable[[], str] = _make_id,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._planner = planner
        self._scheduler = scheduler
        self._notices = notices
        self._feeds = feeds.Feeds(store, notices)
        self._turns = sending.Turns()
        self._logs = logs
        self._clock = clock
        self._make_id = make_id

    async def CreateJob(self, request: pb.CreateJobRequest, context: Context) -> pb.Job:
        """Check, resolve, store."""
        if first := await submitting.find_first(self._store, request):
            return await self._show(first)
        new = await submitting.prepare(self._store, self._planner, request, self._make_id())
        if request.validate_only:
            return convert.new_job_to_wire(new)
        job = await self._store.create_job(new, self._clock())
        self._scheduler.wake()
        return await self._show(job)

    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> pb.Job:
        """One job."""
        return await self._show(await self._store.get_job(request.id))

    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:
        """A page of jobs."""
        wanted = jobs.JobFilter(
            states=frozenset(_state(value) for value in request.states),
            architecture=request.architecture,
            name=request.name,
        )
        page = await self._store.list_jobs(
            wanted, page_size(request.page_size, default=50, maximum=1000), request.page_token
        )
        return pb.ListJobsResponse(jobs=await self._show_all(page.items), next_page_token=page.next_token)

    async def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> pb.Job:
        """Ask a job to stop."""
        return await self._tell(await self._store.request_cancel(request.id, self._clock()))

    async def PauseJob(self, request: pb.PauseJobRequest, context: Context) -> pb.Job:
        """Ask a job to stop and keep its place."""
        return await self._tell(await self._store.request_pause(request.id, self._clock()))

    async def ResumeJob(self, request: pb.ResumeJobRequest, context: Context) -> pb.Job:
        """Queue a paused job again."""
        return await self._tell(await self._store.resume(request.id, self._clock()))

    async def RetryJob(self, request: pb.RetryJobRequest, context: Context) -> pb.Job:
        """Queue a job again that failed or was cancelled."""
        return await self._tell(await self._store.retry(request.id, self._clock()))

    async def DeleteJob(self, request: pb.DeleteJobRequest, context: Context) -> pb.DeleteJobResponse:
        """Remove a job that has ended."""
        await self._store.delete_job(request.id, self._clock())
        self._notices.announce(request.id)
        return pb.DeleteJobResponse()

    async def _tell(self, job: jobs.Job) -> pb.Job:
        self._notices.announce(job.id)
        self._scheduler.wake()
        return await self._show(job)

    async def _show(self, job: jobs.Job) -> pb.Job:
        return (await self._show_all([job]))[0]

    async def _show_all(self, found: Sequence[jobs.Job]) -> list[pb.Job]:
        """As messages, each with its place in the queue."""
        queued = [job.id for job in found if job.state is State.QUEUED]
        places = await self._store.queue_positions(queued, self._clock()) if queued else {}
        obstacle = self._store.obstacle()
        return [_tell_wait(job, places.get(job.id, 0), obstacle) for job in found]

    async def WatchJob(self, request: pb.WatchJobRequest, context: Context) -> None:
        """Events until the end."""
        if request.cursor < 0:
            violation = errors.Violation("cursor", f"must not be negative, but is {request.cursor}")
            raise errors.InvalidArgument(violations=[violation])
        await sending.send(self._feeds.follow(request.id, request.cursor), context, self._turns)

    async def ListTransitions(
        self, request: pb.ListTransitionsRequest, context: Context
    ) -> pb.ListTransitionsResponse:
        """Each change of a job's state."""
        found = await self._store.transitions(request.id)
        return pb.ListTransitionsResponse(transitions=[convert.event_to_wire(event) for event in found])

    async def StreamLogs(self, request: pb.StreamLogsRequest, context: Context) -> None:
        """What trainers printed."""
        negative = [name for name in ("cursor", "attempt") if getattr(request, name) < 0]
        if negative:
            raise errors.InvalidArgument(
                violations=[
                    errors.Violation(name, f"must not be negative, but is {getattr(request, name)}")
                    for name in negative
                ]
            )
        lines = watching.read_log(
            self._store,
            self._notices,
            self._logs,
            request.id,
            attempt=request.attempt,
            cursor=request.cursor,
            follow=request.follow,
        )
        await sending.send(lines, context, self._turns, to_wire=convert.log_line_to_wire)

    async def ListMetrics(self, request: pb.ListMetricsRequest, context: Context) -> pb.ListMetricsResponse:
        """A page of metrics."""
        page = await self._store.list_metrics(
            request.id,
            [_scope(value) for value in request.scopes],
            page_size(request.page_size, default=10_000, maximum=100_000),
            request.page_token,
        )
        return pb.ListMetricsResponse(
            metrics=[convert.metric_to_wire(metric) for metric in page.items],
            next_page_token=page.next_token,
        )

    async def ListCheckpoints(
        self, request: pb.ListCheckpointsRequest, context: Context
    ) -> pb.ListCheckpointsResponse:
        """All checkpoints of a job."""
        found = await self._store.list_checkpoints(request.id)
        return pb.ListCheckpointsResponse(checkpoints=[convert.checkpoint_to_wire(c) for c in found])

    async def GetPictures(self, request: pb.GetPicturesRequest, context: Context) -> pb.Pictures:
        """What a generator drew while it trained."""
        epochs = await self._store.picture_epochs(request.id)
        if not epochs:
            job = await self._store.get_job(request.id)
            raise errors.FailedPrecondition(_explain_no_pictures(job))
        drawn = await self._store.get_pictures(request.id, request.epoch or epochs[-1])
        return pb.Pictures(epoch=drawn.epoch, epochs=epochs, shape=drawn.shape, data=drawn.data)

    async def ReadPredictions(
        self, request: pb.ReadPredictionsRequest, context: Context
    ) -> AsyncIterator[pb.ReadPredictionsResponse]:
        """What a prediction has found."""
        job = await self._store.get_job(request.id)
        async for part in predictions.read(self._store, self._blobs, job):
            yield part


def _tell_wait(job: jobs.Job, place: int, obstacle: jobs.Obstacle | None) -> pb.Job:
    """As a message. Why a job waits is said when somebody asks: places in the queue change too often to be written down."""
    message = convert.job_to_wire(job, place, policy.find_wait_reason(job, place > 0, obstacle))
    if place:
        past = "" if job.next_attempt_time else job.state_message  # it is ready: its back-off is over
        message.state_message = "; ".join(filter(None, (past, policy.describe_wait(place - 1))))
    if obstacle and (job.state.is_active or job.state is State.QUEUED):
        message.state_message = str(obstacle)  # it cannot be written down where there is no room
    return message


def page_size(asked: int, *, default: int, maximum: int) -> int:
    """The size of a page: 0 is the default, what is too large is cut, what is negative is refused."""
    if asked < 0:
        violation = errors.Violation("page_size", f"must not be negative, but is {asked}")
        raise errors.InvalidArgument(violations=[violation])
    return min(asked or default, maximum)


def _explain_no_pictures(job: jobs.Job) -> str:
    if job.is_prediction:
        return f"job {job.id} makes no pictures: it predicts with {job.asked_model}"
    every = job.effective_spec["options"].get("sample_every")
    if every is None:
        return f"job {job.id} makes no pictures: {job.effective_spec['architecture']} is no generator"
    if not every:
        return f"job {job.id} draws no pictures: its option sample_every is 0"
    return f"job {job.id} has no pictures yet; the first come at the end of epoch {every}"


def _state(value: int) -> State:
    try:
        return State(pb.Job.State.Name(value))
    except ValueError:
        violation = errors.Violation(
            "states", f"{value} is no state; known are {', '.join(state.value for state in State)}"
        )
        raise errors.InvalidArgument(violations=[violation]) from None


def _scope(value: int) -> Scope:
    try:
        return Scope(value)
    except ValueError:
        violation = errors.Violation("scopes", f"{value} is no scope; known are 1 STEP, 2 EPOCH, 3 TEST")
        raise errors.InvalidArgument(violations=[violation]) from None
