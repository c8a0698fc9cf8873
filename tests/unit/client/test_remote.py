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


class Servicer(jobs_pb2_grpc.JobServiceServicer):
    """Has ten events, and drops the stream after every third; fails other calls as it is told."""

    def __init__(self):
        self.watched_from = []
        self.created = []
        self.failures = []

    def WatchJob(self, request, context):  # noqa: N802 - gRPC's name
        self.watched_from.append(request.cursor)
        for cursor in range(request.cursor + 1, 11):
            if cursor > request.cursor + 3:
                context.abort(grpc.StatusCode.UNAVAILABLE, "going down")
            state = jobs_pb2.Job.SUCCEEDED if cursor == 10 else jobs_pb2.Job.RUNNING
            yield jobs_pb2.JobEvent(cursor=cursor, state_changed=jobs_pb2.StateChanged(state=state))

    def GetJob(self, request, context):  # noqa: N802 - gRPC's name
        if self.failures:
            context.abort_with_status(rpc_status.to_status(self.failures.pop(0)))
        return jobs_pb2.Job(id=request.id)

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


def test_a_watch_from_a_cursor_begins_behind_it(remote):
    assert [event.cursor for event in remote.jobs.get("j").watch(after=7)] == [8, 9, 10]


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
