"""What the README shows works as it stands there; only the address is that of the test's service."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fix_service import Service

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
ADDRESS = "localhost:50051"


def _run(program: str, service: Service) -> list[str]:
    assert ADDRESS in program
    done = subprocess.run(
        [sys.executable, "-c", program.replace(ADDRESS, service.address)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def printed(service: Service) -> list[str]:
    """What the first program prints."""
    return _run(PROGRAMS[0], service)


def test_the_first_program_is_about_twenty_lines() -> None:
    assert len(PROGRAMS) == 2
    assert len([line for line in PROGRAMS[0].splitlines() if line.strip()]) <= 21


def test_it_prints_a_summary_before_any_training(printed: list[str]) -> None:
    assert any("conv2d" in line for line in printed)


def test_it_prints_the_validation_accuracy_of_each_epoch(printed: list[str]) -> None:
    (line,) = (line for line in printed if line.startswith("["))
    accuracies = ast.literal_eval(line)
    assert len(accuracies) == 3
    assert accuracies[-1] > 0.8


def test_it_prints_five_predictions_with_label_and_probability(printed: list[str]) -> None:
    predictions = [line.split() for line in printed[-5:]]
    assert all(label in "0123456789" and 0.1 <= float(probability) <= 1 for label, probability in predictions)


@pytest.mark.usefixtures("printed")
def test_the_second_program_predicts_with_an_unmodified_triton_client(service: Service) -> None:
    numbers = [float(number) for number in re.findall(r"\d[\d.e+-]*", " ".join(_run(PROGRAMS[1], service)))]
    assert len(numbers) == 10
    assert sum(numbers) == pytest.approx(1, abs=1e-3)
