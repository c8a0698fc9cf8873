"""kill -9, for real: trainer, server, helpers. No job is lost, none runs twice in effect, and the results are those of
the run that was never interrupted."""

import concurrent.futures
import os
import signal
import threading

import numpy as np
import pytest
import tritonclient.grpc as triton

import bessemer
from tests.faults.failing import CLOCK
from tests.faults.runs import SPEC, check_equal, check_nobody_is_left, wait_until_running, watch_until_epoch
from tests.fix_service import DEVICE, ROUNDING


def test_a_killed_trainer_is_replaced_and_the_job_ends_as_if_nothing_had_been(service, unbroken):
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **SPEC)
        for epoch in (3, 6):
            watch_until_epoch(job, epoch)
            (trainer,) = service.trainers()
            os.kill(trainer.pid, signal.SIGKILL)
            trainer.wait(timeout=10)
            wait_until_running(job, attempt=job.attempt + 1)
        job.wait()
        assert job.attempt == 3
        changes = [event for event in job.watch() if isinstance(event, bessemer.StateChanged)]
        messages = [change.message for change in changes if change.state == "QUEUED"]
        assert sum("SIGKILL" in message for message in messages) == 2
        check_equal(job, unbroken)


def test_a_trainer_outlives_its_killed_server_and_reports_to_the_next_one(make_service, unbroken):
    service = make_service()
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **SPEC)
        watch_until_epoch(job, 3)
        (trainer,) = service.trainers()
    service.kill()
    assert trainer.is_running()
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.jobs.get(job.id)
        job.wait()
        assert job.attempt == 1
        check_equal(job, unbroken)


@pytest.mark.long
def test_a_trainer_at_work_goes_on_at_work_for_the_next_server(make_service):
    service = make_service("--slots", "2")
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mlp", **CLOCK)
        wait_until_running(job, 1)
    service.kill()
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.jobs.get(job.id)
        client.train("mlp", dataset="iris", epochs=1).wait(progress=False)  # by now the server schedules
        events = job.watch(after=job.refresh()._message.last_cursor)
        next(event for event in events if isinstance(event, bessemer.Progressed))
        assert job.cancel().attempt == 1


@pytest.mark.long
def test_the_end_of_a_trainer_is_noticed_by_the_next_server_without_waiting_for_its_lease(make_service):
    service = make_service("--slots", "2", "--lease-seconds", "600")  # longer than this test may take
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mlp", **CLOCK)
        wait_until_running(job, 1)
        (trainer,) = service.trainers()
    service.kill()
    service.start()
    with bessemer.connect(service.address) as client:
        job, second = client.jobs.get(job.id), client.train("mlp", **CLOCK)
        wait_until_running(second, 1)  # by now the server schedules, and has adopted the first
        trainer.kill()
        wait_until_running(job, 2)
        assert "process ended" in [e.message for e in job.transitions if e.state == "QUEUED"][-1]
        job.cancel()
        second.cancel()


@pytest.mark.long
def test_a_stop_ends_all_trainers_of_a_server_that_was_started_again_with_fewer_slots(make_service):
    service = make_service("--slots", "2")
    service.start()
    with bessemer.connect(service.address) as client:
        for job in [client.train("mlp", **CLOCK) for _ in range(2)]:
            wait_until_running(job, 1)
    trainers = service.trainers()
    assert len(trainers) == 2
    service.kill()
    service.flags = ("--slots", "1")
    service.start()
    service.stop()
    check_nobody_is_left(trainers)


def read_threads(job, attempt):
    (begun,) = (
        line.text for line in job.logs(attempt=attempt) if line.text.startswith(f"attempt {attempt} ")
    )
    return begun.partition("(")[2].partition(",")[0]


@pytest.mark.long
def test_a_job_without_a_checkpoint_goes_on_with_the_threads_of_its_first_attempt(make_service):
    service = make_service("--slots", "1")
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mlp", **CLOCK)
        wait_until_running(job, 1)
        everyone = service.processes()
    for process in reversed(everyone):
        process.kill()
    service.kill()
    service.flags = ("--slots", "2")
    service.start()
    with bessemer.connect(service.address) as client:
        job, other = client.jobs.get(job.id), client.train("mlp", **CLOCK)
        wait_until_running(job, 2)
        wait_until_running(other, 1)
        assert not job.checkpoints()
        assert read_threads(job, 2) == read_threads(job, 1)
        if (os.cpu_count() or 1) > 1:
            assert read_threads(other, 1) != read_threads(job, 1)
        job.cancel()
        other.cancel()


def test_no_helper_outlives_a_killed_server(make_service):
    service = make_service()
    service.start()
    with bessemer.connect(service.address) as client:
        client.summary("mnist_cnn", dataset="digits")  # so that there are a fork server and a planner
    helpers = service.processes()[1:]
    assert len(helpers) > 2
    service.kill()
    check_nobody_is_left(helpers)


def test_a_job_survives_the_kill_of_server_and_trainer_together(make_service, unbroken):
    service = make_service("--lease-seconds", "2")
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **SPEC)
        waiting = client.train("mlp", dataset="iris", epochs=2)
        watch_until_epoch(job, 3)
        everyone = service.processes()
    for process in reversed(everyone):
        process.kill()
    service.kill()
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.jobs.get(job.id)
        job.wait()
        assert job.attempt == 2
        check_equal(job, unbroken)
        waiting = client.jobs.get(waiting.id)
        waiting.wait()
        assert waiting.state == "SUCCEEDED"


@pytest.mark.long
def test_a_watcher_keeps_watching_through_a_restart_of_the_server(make_service):
    service = make_service()
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **SPEC)
        cursors = []
        for event in job.watch():
            cursors.append(event.cursor)
            if len(cursors) == 12:
                address = service.address
                service.kill()
                service.start(listen=address)
        assert cursors == list(range(1, len(cursors) + 1))
        assert job.state == "SUCCEEDED"


def test_a_killed_predictor_or_planner_comes_back(service, unbroken):
    with bessemer.connect(service.address) as client:
        images = np.zeros((1, 8, 8), dtype=np.uint8)
        before = client.models.get(unbroken.model.name).predict(images)[0].probabilities
        trainers = {p.pid for p in service.trainers()}
        helpers = [
            p for p in service.processes()[1:] if p.pid not in trainers and p.memory_info().rss > 200e6
        ]
        forked = [p for p in helpers if any(p.ppid() == other.pid for other in helpers)]
        # Planner and predictor, children of the fork server; where there are GPUs, a predictor for these as well.
        assert len(forked) == (2 if DEVICE == "cpu" else 3)
        for process in forked:
            process.kill()
            process.wait(timeout=10)
        after = client.models.get(unbroken.model.name).predict(images)[0].probabilities
        assert after == pytest.approx(before, rel=ROUNDING)
        assert client.summary("mnist_cnn", dataset="mnist").parameters == 225_034


def test_a_predictor_that_is_killed_under_load_costs_no_request(service, unbroken):
    images = np.random.default_rng(3).integers(0, 16, (8, 1, 8, 8, 1), np.uint8)
    killed = threading.Event()

    def ask(client, image):
        """By a client that tries nothing twice."""
        given = triton.InferInput("image", [*image.shape], "UINT8")
        given.set_data_from_numpy(image)
        return client.infer(unbroken.model.name, [given]).as_numpy("probabilities")

    def ask_on(image):
        """Ask until the predictor was killed, and ten times after."""
        left = 10
        with triton.InferenceServerClient(service.address) as client:
            expected = ask(client, image)
            while left:
                left -= killed.is_set()
                assert ask(client, image) == pytest.approx(expected, abs=ROUNDING)

    with concurrent.futures.ThreadPoolExecutor(len(images)) as pool:
        asking = [pool.submit(ask_on, image) for image in images]
        try:
            with triton.InferenceServerClient(service.address) as client:
                ask(client, images[0])  # so that there is a predictor
            predictors = service.predictors()
            assert predictors
            for predictor in predictors:
                predictor.kill()
                predictor.wait(timeout=10)
        finally:
            killed.set()
        for done in asking:
            done.result(timeout=60)


@pytest.mark.long
def test_a_trainer_outlives_the_fork_server(make_service, unbroken):
    service = make_service()
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **SPEC)
        watch_until_epoch(job, 2)
        (trainer,) = service.trainers()
        trainer.parent().kill()
        job.wait()
        assert job.attempt == 1
        check_equal(job, unbroken)
        again = client.train("mlp", dataset="iris", epochs=1)
        again.wait()
        assert again.state == "SUCCEEDED"


@pytest.mark.long
def test_a_server_that_stood_still_takes_no_job_from_its_trainer(make_service, unbroken):
    service = make_service("--lease-seconds", "2")
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **SPEC)
        watch_until_epoch(job, 3)
        os.kill(service.pid, signal.SIGSTOP)
        threading.Event().wait(7)  # longer than the lease
        os.kill(service.pid, signal.SIGCONT)
        job.wait(progress=False)
        assert job.attempt == 1
        check_equal(job, unbroken)
