"""The SDK against a real gRPC server that misbehaves on purpose."""

import concurrent.futures

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

import bessemer
from bessemer import errors, jobs
from bessemer.v1 import jobs_pb2, jobs_pb2_grpc

STEP, EPOCH, TEST = jobs_pb2.Metric.STEP, jobs_pb2.Metric.EPOCH, jobs_pb2.Metric.TEST
METRICS = [
    [
        jobs_pb2.Metric(scope=STEP, name="train/loss", step=1, epoch=1, value=4),
        jobs_pb2.Metric(scope=STEP, name="train/loss", step=2, epoch=1, value=3),
    ],
    [
        jobs_pb2.Metric(scope=EPOCH, name="train/loss", step=2, epoch=1, value=3.5),
        jobs_pb2.Metric(scope=EPOCH, name="train/loss", step=4, epoch=2, value=1.5),
        jobs_pb2.Metric(scope=TEST, name="test/loss", step=4, epoch=2, value=2.5),
    ],
]
"""Two pages."""


class Servicer(jobs_pb2_grpc.JobServiceServicer):
    """Has ten events, and drops the stream after every third; fails other calls as it is told."""

    def __init__(self):
        self.events = []
        self.watched_from = []
        self.created = []
        self.failures = []

    def WatchJob(self, request, context):  # noqa: N802 - gRPC's name
        self.watched_from.append(request.cursor)
        if self.events:
            yield from self.events
            return
        for cursor in range(request.cursor + 1, 11):
            if cursor > request.cursor + 3:
                context.abort(grpc.StatusCode.UNAVAILABLE, "going down")
            state = jobs_pb2.Job.SUCCEEDED if cursor == 10 else jobs_pb2.Job.RUNNING
            yield jobs_pb2.JobEvent(cursor=cursor, state_changed=jobs_pb2.StateChanged(state=state))

    def GetJob(self, request, context):  # noqa: N802 - gRPC's name
        if self.failures:
            context.abort_with_status(rpc_status.to_status(self.failures.pop(0)))
        return jobs_pb2.Job(id=request.id, state=jobs_pb2.Job.SUCCEEDED)

    def ListMetrics(self, request, context):  # noqa: N802 - gRPC's name
        page = int(request.page_token or 0)
        token = "" if page == len(METRICS) - 1 else str(page + 1)
        return jobs_pb2.ListMetricsResponse(metrics=METRICS[page], next_page_token=token)

    def CreateJob(self, request, context):  # noqa: N802 - gRPC's name
        self.created.append(request.request_id)
        if len(self.created) < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        return jobs_pb2.Job(id="j")


@pytest.fixture
def servicer():
    return Servicer()


@pytest.fixture
def remote(servicer):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    jobs_pb2_grpc.add_JobServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with bessemer.connect(f"127.0.0.1:{port}") as client:
        yield client
    server.stop(None).wait()


def test_a_watch_that_is_cut_goes_on_behind_the_last_event(remote, servicer):
    job = remote.jobs.get("j")
    assert [event.cursor for event in job.watch()] == list(range(1, 11))
    assert [cursor for cursor in servicer.watched_from if cursor] == [3, 6, 9]
    assert job.state == "SUCCEEDED"


def test_a_wait_outlives_a_service_that_restarts_just_after_the_last_event(remote, servicer):
    job = remote.jobs.get("j")
    servicer.failures = [status_pb2.Status(code=grpc.StatusCode.UNAVAILABLE.value[0]) for _ in range(6)]
    assert job.wait(progress=False).id == "j"
    assert servicer.failures == []


def test_a_watch_from_a_cursor_begins_behind_it(remote):
    assert [event.cursor for event in remote.jobs.get("j").watch(after=7)] == [8, 9, 10]


def test_a_watch_that_has_heard_something_has_all_its_patience_again(remote, servicer, monkeypatch):
    monkeypatch.setattr(jobs, "RECONNECT_PATIENCE_S", 0.0)
    assert [event.cursor for event in remote.jobs.get("j").watch()] == list(range(1, 11))
    assert servicer.watched_from[-1] == 9


def test_an_event_and_a_state_of_a_newer_service_are_no_error(remote, servicer):
    servicer.events = [
        jobs_pb2.JobEvent(cursor=1),
        jobs_pb2.JobEvent(cursor=2, state_changed=jobs_pb2.StateChanged(state=99)),  # type: ignore[arg-type]
    ]
    bare, change = remote.jobs.get("j").watch()
    assert type(bare) is bessemer.Event
    assert change.state == "UNKNOWN_99"


def test_a_watch_of_a_server_that_stays_away_gives_up(monkeypatch):
    monkeypatch.setattr(jobs, "RECONNECT_PATIENCE_S", 0.2)
    with bessemer.connect("127.0.0.1:9") as nowhere:
        job = bessemer.Job(nowhere._transport, jobs_pb2.Job(id="j"))
        with pytest.raises(bessemer.Unavailable, match=r"nothing answers at 127\.0\.0\.1:9"):
            list(job.watch())


def test_a_submission_is_repeated_with_the_same_key(remote, servicer):
    assert remote.train("mlp", dataset="iris").id == "j"
    assert len(servicer.created) == 3
    assert len(set(servicer.created)) == 1


@pytest.mark.parametrize(("code", "kind"), errors.CODES.items(), ids=str)
def test_each_status_has_its_error(remote, servicer, code, kind):
    servicer.failures = [status_pb2.Status(code=code.value[0], message="no luck")] * 4
    with pytest.raises(kind, match="no luck"):
        remote.jobs.get("j")


def test_a_status_that_no_table_has_is_still_an_error_of_ours(remote, servicer):
    servicer.failures = [status_pb2.Status(code=grpc.StatusCode.DATA_LOSS.value[0], message="bits fell out")]
    with pytest.raises(bessemer.BessemerError, match="DATA_LOSS: bits fell out"):
        remote.jobs.get("j")


def test_violations_come_through_with_their_fields(remote, servicer):
    detail = any_pb2.Any()
    violation = error_details_pb2.BadRequest.FieldViolation(
        field="optimizer.kind", description="did you mean adam?"
    )
    detail.Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    code = grpc.StatusCode.INVALID_ARGUMENT.value[0]
    servicer.failures = [status_pb2.Status(code=code, message="one fault", details=[detail])]
    with pytest.raises(bessemer.InvalidArgument) as refused:
        remote.jobs.get("j")
    assert refused.value.violations == (bessemer.Violation("optimizer.kind", "did you mean adam?"),)
    assert str(refused.value) == "optimizer.kind: did you mean adam?"


def test_history_gathers_all_pages_and_keeps_steps_apart_from_epochs(remote):
    history = remote.jobs.get("j").history
    assert dict(history) == {"train/loss": [3.5, 1.5], "test/loss": [2.5]}
    assert history.steps == {"train/loss": [4, 3]}
    assert repr(history) == "<History train/loss ×2, test/loss ×1>"


def test_a_call_that_the_service_does_not_know_hints_at_its_version(remote):
    with pytest.raises(bessemer.BessemerError, match="does not know this call: is it Bessemer"):
        remote.models.get("m")


def test_a_service_that_does_not_answer_in_time_says_how_to_wait_longer(remote, servicer):
    servicer.failures = [
        status_pb2.Status(code=grpc.StatusCode.DEADLINE_EXCEEDED.value[0], message="Deadline Exceeded")
    ]
    with pytest.raises(bessemer.DeadlineExceeded, match=r"connect\(timeout=\.\.\.\)"):
        remote.jobs.get("j")


def test_a_name_without_an_address_is_said_so():
    with (
        bessemer.connect("nowhere.invalid:1") as lost,
        pytest.raises(bessemer.Unavailable, match="cannot be found"),
    ):
        lost.jobs.get("j")


def test_a_closed_client_says_so(remote):
    job = remote.jobs.get("j")
    remote.close()
    for use in (job.refresh, lambda: list(job.watch())):
        with pytest.raises(
            bessemer.FailedPrecondition, match="is closed; make the call within its `with` block"
        ):
            use()
