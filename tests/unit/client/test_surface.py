"""The public names of the SDK: a change here is a change for every user."""

import subprocess
import sys

import bessemer

NAMES = [
    "AlreadyExists",
    "Architecture",
    "BessemerError",
    "Checkpoint",
    "CheckpointDamaged",
    "CheckpointSaved",
    "ClassResult",
    "Client",
    "Dataset",
    "DeadlineExceeded",
    "Evaluation",
    "Event",
    "Failure",
    "FailedPrecondition",
    "History",
    "InvalidArgument",
    "Job",
    "JobFailed",
    "LogLine",
    "MetricsRecorded",
    "Model",
    "NotFound",
    "PermissionDenied",
    "Prediction",
    "Progress",
    "Progressed",
    "ResourceExhausted",
    "StateChanged",
    "Summary",
    "TensorSpec",
    "Unauthenticated",
    "Unavailable",
    "Violation",
    "aio",
    "connect",
    "local",
    "plot_activations",
]


def test_the_public_names_are_these_and_each_can_be_had():
    assert sorted(bessemer.__all__) == sorted(NAMES)
    for name in NAMES:
        assert getattr(bessemer, name).__name__.rpartition(".")[2] == name
    assert set(NAMES) <= set(dir(bessemer))


def test_what_a_type_checker_sees_is_what_there_is(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import bessemer\n\nseen = [" + ", ".join(f"bessemer.{name}" for name in NAMES) + "]\n"
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", str(program)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_a_name_that_is_not_there_is_an_attribute_error():
    assert not hasattr(bessemer, "nonsense")


def test_the_import_loads_nothing_heavy():
    script = "import sys, bessemer; print([m for m in ('grpc', 'numpy', 'rich', 'torch', 'click') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_connecting_loads_neither_numpy_nor_the_terminals_libraries():
    script = (
        "import sys, bessemer; bessemer.connect('localhost:1').close();"
        "print([m for m in ('numpy', 'rich', 'torch', 'click', 'matplotlib') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
