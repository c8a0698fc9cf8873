"""`make demo`: a private service trains a network on handwritten digits, and reads five that it has never seen."""

from __future__ import annotations

import argparse
import pathlib
import sys
import time

import numpy as np
import numpy.typing as npt

import bessemer
from bessemer import plots
from bessemer_server.data import digits, sources, splits

FOLDER = pathlib.Path("demo")
AIM = 0.97
SHADES = " ░▒▓█"


def main() -> int:
    """Run the demo; the exit status is 1 when the network falls short of `AIM`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()

    say("Starting a private service")
    started_s = time.monotonic()
    with bessemer.local(FOLDER / "data") as client:
        print(
            f"{client.address} answers after {time.monotonic() - started_s:.1f} s, data in {FOLDER / 'data'}"
        )

        say("The network: the tutorial's MNIST CNN, fitted to 8×8 digits")
        print(client.summary("mnist_cnn", dataset="digits"))

        say(f"Training it for {arguments.epochs} epochs on 1,797 handwritten digits")
        job = client.train("mnist_cnn", dataset="digits", name="digits-cnn", epochs=arguments.epochs, seed=7)
        job.wait()
        assert job.duration is not None
        print(f"job {job.id} {job.state} in {job.duration.total_seconds():.1f} s")

        say("How it learnt")
        print(plots.sketch_history(job.history))
        job.plot(FOLDER / "curves.png")
        print(f"\nAs a picture: {FOLDER / 'curves.png'}")

        say("Five test images, which it has not seen in training")
        show_predictions(job)

    accuracy = job.metrics["test/accuracy"]
    say(f"Test accuracy: {accuracy:.4f}")
    explain(job)
    return 0 if accuracy >= AIM else 1


def say(title: str) -> None:
    """A heading."""
    print(f"\n━━ {title}", flush=True)


def show_predictions(job: bessemer.Job) -> None:
    """Draw five images of the test split with what the model reads and what they are."""
    images, labels = load_test_images(job)
    assert job.model is not None
    predictions = job.model.predict(images)
    columns = [
        [
            *draw(image),
            "",
            f"read {prediction.label} {prediction.probability:>4.0%}",
            f"true {label} {'✓' if prediction.index == label else '✗'}",
        ]
        for image, label, prediction in zip(images, labels, predictions, strict=True)
    ]
    for lines in zip(*columns, strict=True):
        print("   ".join(f"{line:<12}" for line in lines).rstrip())


def load_test_images(job: bessemer.Job) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """One image of each of five digits, from the samples that this job held out for its test."""
    spec = job.effective_spec
    folders = sources.Folders(dataset_dir=None, cache_dir=FOLDER / "data" / "datasets")
    train, test = digits.DIGITS.load(folders)
    held = splits.split(train, test, digits.DIGITS.info, spec["validation_split"], spec["test_split"]).test
    assert held is not None
    chosen = [int(np.flatnonzero(held.labels == digit)[0]) for digit in (3, 1, 4, 5, 9)]
    return held.inputs[chosen], held.labels[chosen]


def draw(image: npt.NDArray[np.uint8]) -> list[str]:
    """Lines of 12 characters for an image [8, 8, 1] with values from 0 to 16; its outer columns are nearly empty."""
    rows = image[:, 1:7, 0].astype(int) * (len(SHADES) - 1) // 16
    return ["".join(SHADES[value] * 2 for value in row) for row in rows]


def explain(job: bessemer.Job) -> None:
    """What lies where, and what to type next."""
    print(
        f"""
Jobs, metrics, checkpoints and the model are in {FOLDER / "data" / "bessemer.db"}.
Next, with a service of your own:

    .venv/bin/bessemer-server --data-dir {FOLDER / "data"}     # in one terminal
    .venv/bin/bessemer jobs list                       # in another one
    .venv/bin/bessemer models show {job.name}
    .venv/bin/bessemer train mlp --dataset iris --epochs 40
"""
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
