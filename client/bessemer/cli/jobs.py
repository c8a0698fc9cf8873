"""`bessemer jobs`."""

from __future__ import annotations

import json
import pathlib

import click

from bessemer import generation, pictures, plots
from bessemer.cli import paths, render
from bessemer.cli.session import Session
from bessemer.events import Progress, StateChanged
from bessemer.jobs import Job


@click.group()
def jobs() -> None:
    """List, show, watch, pause, resume, cancel, retry, delete and plot jobs, list their checkpoints, read what they printed and
    predicted.
    """


@jobs.command("list")
@click.option("--state", help="Only jobs in this state, e.g. RUNNING.")
@click.option("--architecture", help="Only jobs of this architecture.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most this many.")
@render.as_json
@click.pass_obj
def list_(session: Session, state: str | None, architecture: str | None, limit: int, as_json: bool) -> None:
    """The newest jobs."""
    found = list(session.client.jobs.list(state=state, architecture=architecture, limit=limit))
    if as_json:
        render.print_json([describe(job) for job in found])
        return
    columns = ("ID", "KIND", "NAME", "STATE", "PROGRESS", "ACCURACY", "AGE")
    rows = [
        (
            job.id,
            job.kind,
            job.name,
            job.state,
            _format_progress(job.progress),
            render.format_accuracy(job.metrics),
            render.format_age(job.create_time),
        )
        for job in found
    ]
    nothing = "There are no jobs. Start one: bessemer train mnist_cnn --dataset digits"
    render.print_table(columns, rows, empty="No job fits." if state or architecture else nothing)


@jobs.command()
@click.argument("job_id")
@render.as_json
@click.pass_obj
def show(session: Session, job_id: str, as_json: bool) -> None:
    """Everything about one job."""
    job = session.client.jobs.get(job_id)
    if as_json:
        render.print_json(describe(job) | {"transitions": job.transitions})
        return
    progress, failure = job.progress, job.failure
    where = f"step {progress.step:,}/{progress.steps:,}"
    if progress.epochs:
        where = f"epoch {progress.epoch}/{progress.epochs}, {where}"
    shown = describe(job) | {
        "duration_seconds": f"{job.duration.total_seconds():.1f}" if job.duration else None,
        "progress": where if progress.steps else None,
        "metrics": render.list_metrics(job.metrics),
        "spec": paths.flatten(job.effective_spec),
        "transitions": [_describe_move(change) for change in job.transitions],
    }
    if failure:
        shown |= {
            "state_message": None,
            "failure": f"{failure.reason}: {failure.message}",
            "next_step": failure.next_step,
            "evidence": [f"{name} {value}" for name, value in failure.evidence.items() if name != "log"],
            "log": failure.evidence.get("log", "").splitlines(),
        }
    render.print_fields(shown)


@jobs.command()
@click.argument("job_id")
@render.as_json
@click.pass_obj
def checkpoints(session: Session, job_id: str, as_json: bool) -> None:
    """The checkpoints of a job that are kept, oldest first."""
    found = session.client.jobs.get(job_id).checkpoints()
    if as_json:
        render.print_json(found)
        return
    rows = [
        (
            f"{checkpoint.step:,}",
            str(checkpoint.epoch),
            render.format_size(checkpoint.size_bytes),
            render.format_age(checkpoint.create_time),
            "damaged" if checkpoint.damaged else "sound",
        )
        for checkpoint in found
    ]
    render.print_table(("STEP", "EPOCH", "SIZE", "AGE", "STATE"), rows, empty="No checkpoint is kept.")


@jobs.command()
@click.argument("job_id")
@click.pass_obj
def watch(session: Session, job_id: str) -> None:
    """Show the progress of a job until its end."""
    render.print_end(session.client.jobs.get(job_id).wait())


@jobs.command()
@click.argument("job_id")
@click.option("-f", "--follow", is_flag=True, help="Wait for more until the job is over.")
@click.option("--attempt", type=click.IntRange(min=1), help="Only what this attempt printed.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each line.")
@click.pass_obj
def logs(session: Session, job_id: str, follow: bool, attempt: int | None, as_json: bool) -> None:
    """What the trainers of a job printed, each line with its time (UTC) and attempt."""
    for line in session.client.jobs.get(job_id).logs(follow=follow, attempt=attempt):
        if as_json:
            fields = {"cursor": line.cursor, "attempt": line.attempt, "time": line.time.isoformat()}
            click.echo(json.dumps({**fields, "text": line.text}, ensure_ascii=False))
        else:
            click.echo(f"{line.time:%Y-%m-%d %H:%M:%S} #{line.attempt} {line.text}")


@jobs.command()
@click.argument("job_id")
@click.pass_obj
def cancel(session: Session, job_id: str) -> None:
    """Ask a job to stop."""
    click.echo(session.client.jobs.get(job_id).cancel().state)


@jobs.command()
@click.argument("job_id")
@click.pass_obj
def pause(session: Session, job_id: str) -> None:
    """Ask a job to save a checkpoint and free its slot."""
    click.echo(session.client.jobs.get(job_id).pause().state)


@jobs.command()
@click.argument("job_id")
@click.pass_obj
def resume(session: Session, job_id: str) -> None:
    """Let a paused job go on from its last checkpoint."""
    click.echo(session.client.jobs.get(job_id).resume().state)


@jobs.command()
@click.argument("job_id")
@click.pass_obj
def retry(session: Session, job_id: str) -> None:
    """Let a job that failed or was cancelled go on from its last checkpoint."""
    click.echo(session.client.jobs.get(job_id).retry().state)


@jobs.command()
@click.argument("job_id")
@click.pass_obj
def delete(session: Session, job_id: str) -> None:
    """Delete a job that is over. The model that it published stays."""
    session.client.jobs.get(job_id).delete()
    click.echo(f"deleted {job_id}")


@jobs.command()
@click.argument("job_id")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    help="Picture to write (PNG, PDF, SVG).",
)
@click.pass_obj
def plot(session: Session, job_id: str, output: pathlib.Path | None) -> None:
    """The learning curves of a job, sketched here or drawn into a file."""
    job = session.client.jobs.get(job_id)
    if output is None:
        plots.check_trains(job)
        click.echo(plots.sketch_history(job.history))
    else:
        job.plot(output)
        click.echo(f"wrote {output}")


@jobs.command()
@click.argument("job_id")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    help="File to write (.csv, .npz); without it CSV is printed.",
)
@click.pass_obj
def predictions(session: Session, job_id: str, output: pathlib.Path | None) -> None:
    """What a prediction job has found: a line for each sample, or a file."""
    render.write_predictions(session.client.jobs.get(job_id), output)


@jobs.command()
@click.argument("job_id")
@click.option("--epoch", type=int, help="At the end of which they were drawn; the newest by default.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=pathlib.Path, dir_okay=False),
    help="File for all of them side by side, e.g. grid.png.",
)
@click.pass_obj
def samples(session: Session, job_id: str, epoch: int | None, output: pathlib.Path | None) -> None:
    """Pictures that a generator drew while it trained, always from the same noise, sketched here or written to a file."""
    job = session.client.jobs.get(job_id)
    drawn = generation.arrange(job.samples(epoch))
    if output is None:
        click.echo(pictures.sketch(drawn))
        click.echo(f"epochs with pictures: {', '.join(map(str, job.sample_epochs()))}", err=True)
    else:
        pictures.save(drawn, output)
        click.echo(f"wrote {output}")


def describe(job: Job) -> dict[str, object]:
    """The job's fields, for JSON."""
    return {
        "id": job.id,
        "kind": job.kind,
        "name": job.name,
        "state": job.state,
        "state_message": job.state_message,
        "wait_reason": job.wait_reason or None,
        "architecture": job.architecture,
        "dataset": job.dataset,
        "attempt": job.attempt,
        "priority": job.priority,
        "queue_position": job.queue_position,
        "created": job.create_time.isoformat(timespec="seconds"),
        "duration_seconds": job.duration.total_seconds() if job.duration else None,
        "run_seconds": job.run_time.total_seconds(),
        "max_runtime_seconds": job.max_runtime.total_seconds() if job.max_runtime else None,
        "progress": job.progress,
        "metrics": job.metrics,
        "model": job.model_reference,
        "spec": job.effective_spec,
        "failure": job.failure,
    }


def _format_progress(progress: Progress) -> str:
    """Epochs, or the share that is done of what has none."""
    if progress.epochs:
        return f"{progress.epoch}/{progress.epochs}"
    return f"{progress.fraction:.0%}" if progress.steps else ""


def _describe_move(change: StateChanged) -> str:
    attempt = f" (attempt {change.attempt})" if change.attempt else ""
    reason = f": {change.message}" if change.message else ""
    return f"{change.time:%Y-%m-%d %H:%M:%S} {change.state}{attempt}{reason}"
