"""What people ask of a job: to go on after it has ended, or to be gone."""

import pytest

import bessemer


def wait_for_checkpoint(job):
    for event in job.watch():
        if isinstance(event, bessemer.CheckpointSaved):
            return
    raise AssertionError("the job ended without a checkpoint")


def test_a_cancelled_job_is_retried_from_its_checkpoint_and_watched_to_its_new_end(client):
    job = client.train("mnist_cnn", dataset="digits", epochs=8)
    wait_for_checkpoint(job)
    job.cancel()
    with pytest.raises(bessemer.JobFailed):
        job.wait(progress=False)
    saved = job.checkpoints()[-1]
    assert saved.step > 0
    end = job.refresh()._message.last_cursor
    assert job.retry().state in ("QUEUED", "STARTING", "RUNNING")
    states = [e.state for e in job.watch(after=end) if isinstance(e, bessemer.StateChanged)]
    assert states == ["QUEUED", "STARTING", "RUNNING", "SUCCEEDED"]
    assert job.wait(progress=False).attempt == 2  # watches from the first event, through the first end
    assert (job.failure, job.is_over) == (None, True)
    assert len(job.history["train/loss"]) == 8
    with pytest.raises(bessemer.FailedPrecondition, match="submit a new job"):
        job.retry()


def test_a_deleted_job_is_gone_and_its_model_still_predicts_and_is_measured(client):
    job = client.train("mlp", dataset="iris", epochs=2, name="kept", idempotency_key="deleted-once")
    with pytest.raises(bessemer.FailedPrecondition, match="cancel it first"):
        job.delete()
    model = job.wait(progress=False).model
    job.delete()
    job.delete()
    with pytest.raises(bessemer.NotFound, match="was deleted"):
        client.jobs.get(job.id)
    with pytest.raises(bessemer.NotFound, match="idempotency_key"):
        client.train("mlp", dataset="iris", epochs=2, name="kept", idempotency_key="deleted-once")
    assert job.id not in {other.id for other in client.jobs.list()}
    model = client.models.get("kept")
    assert model.predict([[5.1, 3.5, 1.4, 0.2]])[0].label
    assert model.evaluate().samples > 0


def test_waiting_jobs_know_their_place_and_the_highest_priority_starts_first(client):
    blocker = client.train("mnist_cnn", dataset="digits", epochs=1000)
    wait_for_checkpoint(blocker)
    late = [client.train("mlp", dataset="iris", epochs=1, priority=priority) for priority in (0, 5, -5)]
    assert [job.refresh().queue_position for job in late] == [2, 1, 3]
    assert {job.id: job.queue_position for job in client.jobs.list(state="QUEUED")} == {
        job.id: job.queue_position for job in late
    }
    assert {job.wait_reason for job in late} == {"SLOT"}
    assert blocker.refresh().queue_position is None
    assert blocker.wait_reason == ""
    blocker.cancel()
    for job in late:
        job.wait(progress=False)
    starts = [next(c.time for c in job.transitions if c.state == "STARTING") for job in late]
    assert starts[1] < starts[0] < starts[2]
    assert [change.state for change in late[0].transitions] == ["QUEUED", "STARTING", "RUNNING", "SUCCEEDED"]
    with pytest.raises(bessemer.InvalidArgument, match="from -100 to 100"):
        client.train("mlp", dataset="iris", priority=101)


@pytest.mark.parametrize("key", ["x" * 129, "a\0"])
def test_a_key_that_cannot_be_kept_is_refused(client, key):
    with pytest.raises(bessemer.InvalidArgument, match="request_id: must have at most 128 characters"):
        client.train("mlp", dataset="iris", idempotency_key=key)
