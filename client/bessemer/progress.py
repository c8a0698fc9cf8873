"""How `Job.wait` shows a job: a bar on a terminal, a line for each epoch elsewhere, or for each tenth of predictions."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from bessemer import events

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from bessemer.job_record import JobRecord

QUIET_STATES = events.TERMINAL | {"STARTING", "RUNNING"}
"""What they would say is said by the bar, or by the end of `Job.wait`."""


class Display(Protocol):
    """Is told of every event."""

    def update(self, event: events.Event) -> None:
        """Show it."""
        ...


@contextlib.contextmanager
def show(job: JobRecord, *, enabled: bool, goes_on: bool) -> Iterator[Display]:
    """A display that fits where standard error leads. Ctrl-C within says what becomes of the job."""
    try:
        if not enabled:
            yield _Nothing()
        elif sys.stderr.isatty():
            with _open_bar() as bar:
                yield _BarDisplay(job, bar)
        else:
            yield _LineDisplay(job)
    except KeyboardInterrupt:
        _say(f"\nJob {job.id} {'goes on' if goes_on else 'stops with its private service'}.")
        if goes_on:
            _say(f"  watch it:   bessemer jobs watch {job.id}\n  cancel it:  bessemer jobs cancel {job.id}")
        raise


def format_metrics(metrics: Mapping[str, float]) -> str:
    """`loss 0.1230  accuracy 0.9500  val_loss ...`: as Keras abbreviates, only validation with its prefix."""
    names = sorted((name for name in metrics if name != "learning_rate"), key=_rank)
    return "  ".join(f"{_shorten(name)} {format_value(metrics[name])}" for name in names)


def _rank(name: str) -> tuple[bool, bool, str]:
    return name.startswith("val/"), not name.endswith("/loss"), name


def _shorten(name: str) -> str:
    return name.removeprefix("train/").removeprefix("test/").replace("/", "_")


def format_value(value: float) -> str:
    """Four decimals where they tell enough, else four digits: `0.9500`, `3.1e-05`, `8.515e+27`."""
    return f"{value:.4f}" if value == 0 or 0.01 <= abs(value) < 10_000 else f"{value:.4g}"


def _head(event: events.MetricsRecorded, epochs: int) -> str:
    """`epoch 3/10`, or `test` padded to the same width."""
    is_test = any(name.startswith("test/") for name in event.metrics)
    return "test".ljust(len(f"epoch {epochs}/{epochs}")) if is_test else _count(event.epoch, epochs)


def _name_part(progress: events.Progress) -> str:
    """What is being done: an epoch, or predictions, which have none."""
    return _count(progress.epoch, progress.epochs) if progress.epochs else "predicting"


def _count(epoch: int, epochs: int) -> str:
    return f"epoch {epoch:>{len(str(epochs))}}/{epochs}"


def _describe(change: events.StateChanged) -> str | None:
    """One line for a move that deserves one."""
    if change.state in QUIET_STATES or not change.message:
        return None
    return f"{change.state.lower()}: {change.message}"


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class _Nothing:
    def update(self, event: events.Event) -> None:
        pass


class _LineDisplay:
    """A line for each epoch, or for each tenth of what has none: for files, pipes and notebooks."""

    def __init__(self, job: JobRecord) -> None:
        self._epochs = job.effective_spec.get("epochs", 0)
        self._tenths = 0

    def update(self, event: events.Event) -> None:
        match event:
            case events.Progressed(progress=progress) if not progress.epochs:
                self._tell_tenth(progress)
            case events.MetricsRecorded(metrics=metrics):
                _say(f"{_head(event, self._epochs)}  {format_metrics(metrics)}")
            case events.StateChanged() if line := _describe(event):
                _say(line)
            case events.CheckpointDamaged(message=message):
                _say(message)

    def _tell_tenth(self, progress: events.Progress) -> None:
        if (tenths := int(progress.fraction * 10)) > self._tenths:
            self._tenths = tenths
            _say(
                f"{_name_part(progress)}  {progress.fraction:4.0%}  step {progress.step:,}/{progress.steps:,}"
            )


def _open_bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description:<11}"),
        BarColumn(bar_width=14),
        TextColumn("{task.fields[pace]}"),
        TextColumn("{task.fields[metrics]}"),
        console=Console(stderr=True),
        transient=True,  # what stays are the lines of the epochs
    )


class _BarDisplay:
    """One bar over all epochs, with the newest metrics, rate and ETA; finished epochs stay as lines above it."""

    def __init__(self, job: JobRecord, bar: Bar) -> None:
        self._bar = bar
        self._epochs = job.effective_spec.get("epochs", 0)
        self._task: TaskID = bar.add_task(job.state.lower(), total=None, pace="", metrics="")

    def update(self, event: events.Event) -> None:
        match event:
            case events.Progressed(progress=progress, metrics=metrics):
                self._bar.update(
                    self._task,
                    description=_name_part(progress),
                    total=progress.steps,
                    completed=progress.step,
                    pace=_format_pace(progress),
                )
                if metrics:
                    self._bar.update(self._task, metrics=format_metrics(metrics))
            case events.MetricsRecorded(metrics=metrics):
                self._print(f"{_head(event, self._epochs)}  {format_metrics(metrics)}")
            case events.StateChanged(state=state):
                self._bar.update(self._task, description=state.lower(), pace="")
                if line := _describe(event):
                    self._print(line)
            case events.CheckpointDamaged(message=message):
                self._print(message)

    def _print(self, line: str) -> None:
        self._bar.console.print(line, highlight=False, markup=False, soft_wrap=True)


def _format_pace(progress: events.Progress) -> str:
    """`  976/s  0:08 left`: samples per second, and the service's own estimate of what is left."""
    rate = f"{progress.samples_per_second:,.0f}/s" if progress.samples_per_second else ""
    if progress.eta_seconds is None:
        return f"{rate:>8}"
    minutes, seconds = divmod(round(progress.eta_seconds), 60)
    hours, minutes = divmod(minutes, 60)
    left = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    return f"{rate:>8}  {left:>5} left"
