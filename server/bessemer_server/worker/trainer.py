"""The trainer process: one attempt of one job, from assignment to outcome."""

from __future__ import annotations

import os
import pathlib
import signal
import traceback
from collections.abc import Callable

import torch

from bessemer_server.domain import checkpoints, failpoints, predictions
from bessemer_server.domain.jobs import Command, Failure, Reason
from bessemer_server.domain.models import Publication
from bessemer_server.training import evidence, failures, loop, predicting
from bessemer_server.worker import arrays, entry, fetching, observer, output, priorities, reporting, snapshots

STALE_STATUS = 4
UNREACHABLE_STATUS = 5
MAX_DAMAGED = 10_000
"""Far more checkpoints than a job keeps: the search for a sound one must end, whatever the server says."""
LOST_MODEL = "train the model that it needs again, or restore the database"


def main(config: entry.TrainerConfig) -> None:
    """Train or predict, report, and end; the exit status says nothing that the server was not told."""
    failpoints.enable(os.environ)
    output.redirect(pathlib.Path(config.log_folder))
    # A signal to the server's terminal is not meant for its trainers.
    priorities.lead_session(priorities.WORK)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with reporting.connect(config.address, config.token) as client:
            _train(client)
    except reporting.Stale:
        output.say("this attempt is no longer current; ending")
        os._exit(STALE_STATUS)  # at once: whatever it still holds belongs to another attempt now
    except reporting.Unreachable as error:
        output.say(f"the server did not come back: {error}")
        os._exit(UNREACHABLE_STATUS)


def _train(client: reporting.Client) -> None:
    failpoints.hit("trainer.begun")
    assignment, resume = _begin(client)
    output.say(_describe_start(assignment))
    failpoints.hit("trainer.assigned")
    torch.set_num_threads(assignment.threads)
    environment = loop.Environment(
        device=assignment.device,
        threads=assignment.threads,
        dataset_dir=pathlib.Path(assignment.dataset_dir) if assignment.dataset_dir else None,
        cache_dir=pathlib.Path(assignment.cache_dir),
        uploaded=fetching.make_source(client, assignment.dataset) if assignment.dataset else None,
        uploaded_validation=fetching.make_source(client, assignment.validation)
        if assignment.validation
        else None,
        bases=assignment.bases,
        asked=assignment.asked,
        read=lambda entry: fetching.fetch(client, entry, LOST_MODEL),
    )
    with observer.RemoteObserver(client) as remote:
        signal.signal(signal.SIGTERM, lambda *_: remote.preempt())
        try:
            outcome = _run(assignment, environment, remote, resume)
        except failures.TrainingFailed as error:
            output.say(str(error))
            _fail(client, remote, error.failure)
            return
        except (reporting.Stale, reporting.Unreachable):
            raise
        except Exception as error:
            output.say(traceback.format_exc().rstrip())
            _fail(client, remote, _describe(error))
            return
        match outcome:
            case loop.Trained():
                _publish(client, outcome)
            case loop.Predicted():
                _deliver(client, outcome.result, client.finish_predicted)
            case loop.Stopped(command=Command.CANCEL):
                client.finish_cancelled()
            case loop.Stopped():
                client.finish_preempted()


def _run(
    assignment: reporting.Assignment,
    environment: loop.Environment,
    remote: observer.RemoteObserver,
    resume: loop.Snapshot | None,
) -> loop.Outcome | loop.Predicted:
    """Train or predict, until all of it is with the server but the outcome."""
    run = predicting.run if assignment.asked else loop.run
    outcome = run(assignment.spec, environment, remote, resume)
    output.say(_describe_end(outcome))
    with failures.translated():  # what went wrong in a thread of the observer since the last step
        remote.flush()
    return outcome


def _fail(client: reporting.Client, remote: observer.RemoteObserver, failure: Failure) -> None:
    """Tell the failure, after what was told before it, where that gets through."""
    try:
        remote.flush()
    except (reporting.Stale, reporting.Unreachable):
        raise
    except Exception as error:  # often the failure itself, which was a thread's of the observer
        output.say(f"not all reports and checkpoints were sent: {type(error).__name__}")
    client.finish_failed(failure)


def _publish(client: reporting.Client, trained: loop.Trained) -> None:
    def finish(weights: checkpoints.Manifest) -> None:
        client.finish_succeeded(Publication(weights, trained.definition, trained.parameters))

    _deliver(client, loop.Snapshot(epoch=0, step=0, tensors=trained.weights, state={}), finish)


def _deliver(
    client: reporting.Client, result: loop.Snapshot, finish: Callable[[checkpoints.Manifest], None]
) -> None:
    def commit(manifest: checkpoints.Manifest) -> None:
        failpoints.hit("trainer.before_finish")
        finish(manifest)
        failpoints.hit("trainer.after_finish")

    snapshots.deliver(client, result, commit, arrays.Digester())


def _begin(client: reporting.Client) -> tuple[reporting.Assignment, loop.Snapshot | None]:
    """What to do, and the newest checkpoint that is whole: the server has noted each that was found damaged, and names an
    older one when it is asked again.
    """
    for _ in range(MAX_DAMAGED):
        assignment = client.get_assignment()
        if assignment.resume_from is None:
            return assignment, None
        try:
            return assignment, snapshots.download(client, assignment.resume_from)
        except reporting.Lost as error:
            output.say(f"the checkpoint of step {assignment.resume_from.step} is damaged: {error}")
    raise reporting.Lost(f"{MAX_DAMAGED} checkpoints in a row are damaged")


def _describe_start(assignment: reporting.Assignment) -> str:
    resume = assignment.resume_from
    spec = assignment.spec
    work = f"predicts with {spec['model']}" if assignment.asked else f"trains {spec['architecture']}"
    return (
        f"attempt {assignment.attempt} of job {assignment.job_id} {work} on {spec['dataset']} with {assignment.device} ({assignment.threads} threads, process {os.getpid()}) "
        f"{f'from step {resume.step} on' if resume else 'from the beginning'}"
    )


def _describe_end(outcome: loop.Outcome | loop.Predicted) -> str:
    figures = ", ".join(f"{name} {value}" for name, value in evidence.measure().items())
    match outcome:
        case loop.Trained():
            return f"trained {outcome.parameters:,} parameters ({figures})"
        case loop.Predicted():
            return f"predicted {len(outcome.result.tensors[predictions.PROBABILITIES]):,} samples ({figures})"
        case loop.Stopped():
            return f"told to stop: {outcome.command.name} ({figures})"


def _describe(error: Exception) -> Failure:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return Failure(
        Reason.INTERNAL,
        f"{type(error).__name__}: {error} ({pathlib.Path(where.filename).name}:{where.lineno})",
        "This is a fault of Bessemer; please report it with the job's log (bessemer jobs logs).",
        {"error": type(error).__name__, **evidence.measure()},
    )
