"""The face for asyncio against a real gRPC server that misbehaves on purpose."""

import asyncio
import concurrent.futures
import threading

import grpc
import numpy as np
import pytest
from grpc_status import rpc_status

import bessemer
from bessemer import _calls, jobs
from bessemer.inference.v2 import inference_pb2
from bessemer.v1 import jobs_pb2, jobs_pb2_grpc, models_pb2, models_pb2_grpc
from bessemer_server.domain import errors as domain_errors
from bessemer_server.rpc import errors as rpc_errors

SUCCEEDED, RUNNING = jobs_pb2.Job.SUCCEEDED, jobs_pb2.Job.RUNNING


class Servicer(jobs_pb2_grpc.JobServiceServicer, models_pb2_grpc.ModelServiceServicer):
    """Has ten events, and drops the stream after every third; five jobs on pages of two; one model of four features."""

    def __init__(self):
        self.watched_from = []
        self.created = []
        self.pages = []
        self.token = None
        self.endless = False
        self.refusals = []
        self.asked = 0
        self.outages = 0
        self.watch_ended = threading.Event()

    def WatchJob(self, request, context):  # noqa: N802 - gRPC's name
        self.watched_from.append(request.cursor)
        if self.endless:
            context.add_callback(self.watch_ended.set)
            yield jobs_pb2.JobEvent(cursor=1, state_changed=jobs_pb2.StateChanged(state=RUNNING))
            self.watch_ended.wait()
            return
        for cursor in range(request.cursor + 1, 11):
            if cursor > request.cursor + 3:
                context.abort(grpc.StatusCode.UNAVAILABLE, "going down")
            state = SUCCEEDED if cursor == 10 else RUNNING
            yield jobs_pb2.JobEvent(cursor=cursor, state_changed=jobs_pb2.StateChanged(state=state))

    def GetJob(self, request, context):  # noqa: N802 - gRPC's name
        self.token = dict(context.invocation_metadata()).get("authorization")
        if self.outages:
            self.outages -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        if request.id == "none":
            context.abort(grpc.StatusCode.NOT_FOUND, "there is no job 'none'")
        if request.id == "failed":
            failure = jobs_pb2.Failure(
                reason=jobs_pb2.Failure.NON_FINITE_LOSS, message="NaN at step 3", next_step="Lower it."
            )
            return jobs_pb2.Job(id="failed", name="m", state=jobs_pb2.Job.FAILED, failure=failure)
        model = jobs_pb2.ModelReference(name="m", version="1")
        return jobs_pb2.Job(id=request.id, state=SUCCEEDED, model=model)

    def CreateJob(self, request, context):  # noqa: N802 - gRPC's name
        self.created.append(request.request_id)
        if len(self.created) < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        return jobs_pb2.Job(id="j")

    def ListJobs(self, request, context):  # noqa: N802 - gRPC's name
        start = int(request.page_token or 0)
        self.pages.append(start)
        found = [jobs_pb2.Job(id=str(i)) for i in range(5)][start : start + 2]
        token = str(start + 2) if start + 2 < 5 else ""
        return jobs_pb2.ListJobsResponse(jobs=found, next_page_token=token)

    def ListMetrics(self, request, context):  # noqa: N802 - gRPC's name
        page = int(request.page_token or 0)
        metric = jobs_pb2.Metric(scope=jobs_pb2.Metric.EPOCH, name="train/loss", value=3 - page)
        return jobs_pb2.ListMetricsResponse(metrics=[metric], next_page_token="" if page else "1")

    def GetModel(self, request, context):  # noqa: N802 - gRPC's name
        spec = models_pb2.TensorSpec(name="features", datatype="FP32", shape=[-1, 4])
        return models_pb2.Model(name=request.name, version="1", labels=["low", "high"], inputs=[spec])

    def infer(self, request, context):
        """High where the first feature is more than 5."""
        self.asked += 1
        if self.refusals:
            error = domain_errors.Unavailable("not now", reason=self.refusals.pop())
            status = rpc_status.to_status(rpc_errors.to_status(error))
            # gRPC itself shall not try again.
            metadata = (*status.trailing_metadata, ("grpc-retry-pushback-ms", "-1"))
            context.abort_with_status(status._replace(trailing_metadata=metadata))
        features = np.frombuffer(request.raw_input_contents[0], "<f4").reshape(request.inputs[0].shape)
        high = (features[:, 0] > 5).astype("<f4")
        answer = inference_pb2.ModelInferResponse(
            raw_output_contents=[np.stack([1 - high, high], 1).tobytes()]
        )
        answer.outputs.add(name="probabilities", datatype="FP32", shape=[len(high), 2])
        return answer


@pytest.fixture
def servicer():
    return Servicer()


@pytest.fixture
def address(servicer):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    jobs_pb2_grpc.add_JobServiceServicer_to_server(servicer, server)
    models_pb2_grpc.add_ModelServiceServicer_to_server(servicer, server)
    infer = grpc.unary_unary_rpc_method_handler(
        servicer.infer,
        request_deserializer=inference_pb2.ModelInferRequest.FromString,
        response_serializer=inference_pb2.ModelInferResponse.SerializeToString,
    )
    service, method = _calls.INFER_METHOD.strip("/").split("/")
    server.add_registered_method_handlers(service, {method: infer})
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: infer}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
async def remote(address):
    async with bessemer.aio.connect(address, token="sesame") as client:
        yield client


async def test_a_watch_that_is_cut_goes_on_behind_the_last_event(remote, servicer):
    job = await remote.jobs.get("j")
    assert [event.cursor async for event in job.watch()] == list(range(1, 11))
    assert [cursor for cursor in servicer.watched_from if cursor] == [3, 6, 9]
    assert job.state == "SUCCEEDED"


async def test_a_wait_outlives_a_service_that_restarts_just_after_the_last_event(remote, servicer):
    job = await remote.jobs.get("j")
    servicer.outages = 6
    assert (await job.wait(progress=False)).state == "SUCCEEDED"
    assert servicer.outages == 0


async def test_a_watch_of_a_server_that_stays_away_gives_up(monkeypatch):
    monkeypatch.setattr(jobs, "RECONNECT_PATIENCE_S", 0.2)
    async with bessemer.aio.connect("127.0.0.1:9") as nowhere:
        job = bessemer.aio.Job(nowhere._transport, jobs_pb2.Job(id="j"))
        with pytest.raises(bessemer.Unavailable, match=r"nothing answers at 127\.0\.0\.1:9"):
            [event async for event in job.watch()]


async def test_a_wait_that_is_cancelled_ends_its_call_and_not_the_job(remote, servicer):
    servicer.endless = True
    job = await remote.jobs.get("j")
    waiting = asyncio.create_task(job.wait(progress=False))
    async for _ in job.watch():  # so the server has had a watcher
        break
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.to_thread(servicer.watch_ended.wait, 60)
    assert job.state != "CANCELLED"


async def test_many_jobs_are_watched_at_once(remote):
    watched = [await remote.jobs.get(str(i)) for i in range(3)]
    assert [job.state for job in await asyncio.gather(*(job.wait(progress=False) for job in watched))] == [
        "SUCCEEDED"
    ] * 3


async def test_a_wait_for_a_job_that_failed_says_why_and_what_to_do(remote):
    job = await remote.jobs.get("failed")
    with pytest.raises(bessemer.JobFailed, match=r"NaN at step 3\nNext step: Lower it\.") as raised:
        await job.wait(progress=False)
    assert raised.value.reason == "NON_FINITE_LOSS"


async def test_a_submission_is_repeated_with_the_same_key(remote, servicer):
    assert (await remote.train("mlp", dataset="iris")).id == "j"
    assert len(servicer.created) == 3
    assert len(set(servicer.created)) == 1


async def test_faults_are_named_before_anything_is_sent():
    with pytest.raises(bessemer.InvalidArgument, match="epochs: must be an integer"):
        await bessemer.aio.connect("127.0.0.1:9").train("mlp", dataset="iris", epochs="five")  # type: ignore[arg-type]


async def test_a_listing_fetches_only_the_pages_that_are_needed(remote, servicer):
    assert [job.id async for job in remote.jobs.list(limit=2)] == ["0", "1"]
    assert servicer.pages == [0]
    assert [job.id async for job in remote.jobs.list(limit=3)] == ["0", "1", "2"]
    assert [job.id async for job in remote.jobs.list()] == ["0", "1", "2", "3", "4"]


async def test_history_gathers_all_pages(remote):
    assert dict(await (await remote.jobs.get("j")).history) == {"train/loss": [3, 2]}


async def test_the_model_of_a_job_predicts(remote):
    model = await (await remote.jobs.get("j")).model
    low, high = await model.predict([[1, 2, 3, 4], [9, 2, 3, 4]])
    assert (low.label, high.label, high.index, high.probability) == ("low", "high", 1, 1.0)
    with pytest.raises(bessemer.InvalidArgument, match="4 features"):
        await model.predict([1, 2])


async def test_an_error_of_the_service_is_ours_and_the_token_goes_along(remote, servicer):
    with pytest.raises(bessemer.NotFound, match="there is no job 'none'"):
        await remote.jobs.get("none")
    assert servicer.token == "Bearer sesame"


async def test_a_closed_client_says_so(remote):
    job = await remote.jobs.get("j")
    await remote.close()
    with pytest.raises(bessemer.FailedPrecondition, match="is closed"):
        await job.refresh()


async def test_a_client_that_never_called_can_be_closed_and_then_says_so():
    client = bessemer.aio.connect("127.0.0.1:9")
    await client.close()
    with pytest.raises(bessemer.FailedPrecondition, match="is closed"):
        await client.jobs.get("j")


def test_a_client_can_be_made_before_there_is_a_loop(address):
    client = bessemer.aio.connect(address)

    async def ask():
        async with client:
            return (await client.jobs.get("j")).id

    assert asyncio.run(ask()) == "j"


async def test_a_prediction_is_asked_for_again_while_the_service_restarts_and_not_where_it_is_at_fault(
    remote, address, servicer
):
    awaited = await remote.models.get("m")
    with bessemer.connect(address) as client:
        blocking = client.models.get("m")
        for predict in (awaited.predict, lambda given: asyncio.to_thread(blocking.predict, given)):
            servicer.asked, servicer.refusals = 0, ["STOPPING", "STOPPING"]
            assert [each.label for each in await predict([9, 2, 3, 4])] == ["high"]
            assert servicer.asked == 3
            servicer.asked, servicer.refusals = 0, ["HELPER_ENDED"]
            with pytest.raises(bessemer.Unavailable, match="not now"):
                await predict([9, 2, 3, 4])
            assert servicer.asked == 1
