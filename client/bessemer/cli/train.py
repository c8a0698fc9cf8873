"""`bessemer train`."""

from __future__ import annotations

import datetime

import click

from bessemer.cli import durations, paths, render
from bessemer.cli.session import Session


@click.command()
@click.argument("architecture")
@click.option("--dataset", "-d", required=True, help="What to train on (bessemer datasets list).")
@click.option("--epochs", "-n", type=int, help="Passes over the training split.")
@click.option("--batch-size", "-b", type=int, help="Samples per step.")
@click.option("--seed", type=int, help="Key of every random draw.")
@click.option("--name", help="The model is published under it.  [default: ARCHITECTURE-DATASET]")
@click.option(
    "--priority", type=int, default=0, help="From -100 to 100; the highest starts first.  [default: 0]"
)
@click.option(
    "--max-runtime",
    type=durations.Duration(),
    help="Fail when it has held a slot for so long, e.g. 90s, 30m, 8h, 2d.  [default: never]",
)
@click.option(
    "--set",
    "assignments",
    metavar="PATH=VALUE",
    multiple=True,
    help="Any other setting; may be repeated (see above).",
)
@click.option("--detach", is_flag=True, help="Print the job's id and do not wait.")
@click.pass_obj
def train(  # noqa: PLR0917 - click calls it by keyword
    session: Session,
    architecture: str,
    dataset: str,
    epochs: int | None,
    batch_size: int | None,
    seed: int | None,
    name: str | None,
    priority: int,
    max_runtime: datetime.timedelta | None,
    assignments: tuple[str, ...],
    detach: bool,
) -> None:
    """Submit a training job and show its progress until the end.

    Ctrl-C ends the showing, not the job.

    \b
    --set takes the settings of a job by their paths:
      options.dropout=0.3                an option of the architecture
      optimizer=sgd                      adam unless it is set
      optimizer.learning_rate=0.01       beside the kind
      schedule=cosine schedule.warmup_epochs=1 l2=0.01 gradient_clip_norm=1
      augmentation='["flip", {"crop": {"padding": 4}}]'
      early_stopping.monitor=val/loss early_stopping.patience=3
      loss=binary_cross_entropy label_smoothing=0.1
      class_weights=balanced             or class_weights.LABEL=2
      metrics=f1,roc_auc                 beside loss and accuracy
      text.vocabulary=10000 text.length=100
      checkpoint.every_seconds=60 checkpoint.keep_best=val/loss
      validation_split=0.1 test_split=0.2
      validation_dataset=NAME            in place of a share of the training data
    """  # noqa: D301 - click's mark for lines that stay as they are
    arguments = paths.parse(assignments)
    flags = {"epochs": epochs, "batch_size": batch_size, "seed": seed}
    arguments |= {key: value for key, value in flags.items() if value is not None}
    arguments |= {"name": name, "priority": priority, "max_runtime": max_runtime}
    job = session.client.train(architecture, dataset=dataset, **arguments)
    if detach:
        click.echo(job.id)
        return
    click.echo(f"job {job.id} ({job.name})", err=True)
    render.print_end(job.wait())
