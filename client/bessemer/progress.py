"""How `Job.wait` shows a job: a bar on a terminal, a line for each epoch elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from bessemer import events

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from bessemer.jobs import Job

QUIET_STATES = ("STARTING", "RUNNING", "SUCCEEDED")


class Display(Protocol):
    """Is told of every event."""

    def update(self, event: events.Event) -> None:
        """Show it."""
        ...


@contextlib.contextmanager
def show(job: Job, *, enabled: bool = True) -> Iterator[Display]:
    """A display that fits where standard error leads. Ctrl-C within says that the job goes on."""
    try:
        if not enabled:
            yield _Nothing()
        elif sys.stderr.isatty():
            with _open_bar() as bar:
                yield _BarDisplay(job, bar)
        else:
            yield _LineDisplay(job)
    except KeyboardInterrupt:
        _say(
            f"\nJob {job.id} goes on. Watch it: bessemer jobs watch {job.id}   Stop it: bessemer jobs cancel {job.id}"
        )
        raise


def format_metrics(metrics: dict[str, float]) -> str:
    """`loss 0.123  accuracy 0.950  val_loss ...`: as Keras abbreviates, training metrics without their prefix."""
    shown = {
        name.removeprefix("train/").replace("/", "_"): value
        for name, value in metrics.items()
        if name != "learning_rate"
    }
    return "  ".join(f"{name} {value:.4f}" for name, value in shown.items())


def describe_change(change: events.StateChanged) -> str:
    """One line for a move that deserves one."""
    return f"{change.state.lower()}: {change.message}" if change.message else change.state.lower()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class _Nothing:
    def update(self, event: events.Event) -> None:
        pass


class _LineDisplay:
    """A line for each epoch: for files, pipes and notebooks."""

    def __init__(self, job: Job) -> None:
        self._epochs = job.effective_spec.get("epochs", 0)

    def update(self, event: events.Event) -> None:
        match event:
            case events.MetricsRecorded(epoch=epoch, metrics=metrics):
                is_test = any(name.startswith("test/") for name in metrics)
                head = "test" if is_test else f"epoch {epoch}/{self._epochs}"
                _say(f"{head}  {format_metrics(dict(metrics))}")
            case events.StateChanged() if event.state not in QUIET_STATES and event.message:
                _say(describe_change(event))


def _open_bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description:<11}"),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[rate]:>10}"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[metrics]}"),
        console=Console(stderr=True),
    )


class _BarDisplay:
    """One bar over all epochs, with the newest metrics, rate and ETA; finished epochs stay as lines above it."""

    def __init__(self, job: Job, bar: Bar) -> None:
        self._bar = bar
        self._epochs = job.effective_spec.get("epochs", 0)
        self._metrics = ""
        self._task: TaskID = bar.add_task(job.state.lower(), total=None, rate="", metrics="")

    def update(self, event: events.Event) -> None:
        match event:
            case events.Progressed(progress=progress, metrics=metrics):
                self._metrics = _short(dict(metrics)) if metrics else self._metrics
                self._bar.update(
                    self._task,
                    description=f"epoch {progress.epoch}/{progress.epochs}",
                    total=progress.steps,
                    completed=progress.step,
                    rate=f"{progress.samples_per_second:,.0f}/s" if progress.samples_per_second else "",
                    metrics=self._metrics,
                )
            case events.MetricsRecorded(epoch=epoch, metrics=metrics):
                is_test = any(name.startswith("test/") for name in metrics)
                head = "test" if is_test else f"epoch {epoch}/{self._epochs}"
                self._bar.console.print(f"{head:<11} {format_metrics(dict(metrics))}", highlight=False)
            case events.StateChanged() if event.state not in QUIET_STATES and event.message:
                self._bar.console.print(describe_change(event), highlight=False)
            case events.StateChanged(state=state):
                self._bar.update(self._task, description=state.lower())


def _short(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name.removeprefix('train/')} {value:.4f}" for name, value in metrics.items())
