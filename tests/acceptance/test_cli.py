"""The `bessemer` command, as a person types it."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

COMMAND = pathlib.Path(sys.executable).with_name("bessemer")


@pytest.fixture(scope="module")
def cli(service):
    def run(*arguments, server=service.address, status=0, cwd=None):
        done = subprocess.run(
            [COMMAND, "--server", server, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=cwd,
            env={**os.environ, "NO_COLOR": "1"},
        )
        assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def trained(cli):
    done = cli("train", "mlp", "--dataset", "digits", "--epochs", "2", "--name", "cli-digits", "--seed", "1")
    return done.stderr.split()[1], done


def test_train_tells_each_epoch_and_names_the_model(trained):
    _, done = trained
    assert "epoch 1/2  loss" in done.stderr
    assert "epoch 2/2  loss" in done.stderr
    assert "val_accuracy" in done.stderr
    assert done.stdout.startswith("model cli-digits@1  test/accuracy 0.")


def test_detached_training_is_watched_later(cli):
    job_id = cli("train", "mlp", "-d", "iris", "--epochs", "3", "--detach").stdout.strip()
    watched = cli("jobs", "watch", job_id)
    assert "epoch 3/3" in watched.stderr
    assert watched.stdout.startswith("model mlp-iris@")


def test_an_interrupt_says_that_the_job_goes_on_and_how_to_end_it(cli, service):
    # Who runs the tests in the background has the signal ignored, and all that they start would inherit that.
    start = ["env", "--default-signal=INT", COMMAND, "--server", service.address]
    command = [*start, "train", "mnist_cnn", "-d", "digits", "-n", "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        job_id = running.stderr.readline().split()[1]
        first = running.stderr.readline()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    state = json.loads(cli("jobs", "show", job_id, "--json").stdout)["state"]
    cli("jobs", "cancel", job_id)  # before anything is asserted: others wait for the slot
    cli("jobs", "watch", job_id, status=1)
    assert (first[:15], running.returncode, state) == ("epoch    1/1000", 130, "RUNNING"), first + said
    assert f"Job {job_id} goes on." in said
    assert f"bessemer jobs watch {job_id}" in said
    assert "Traceback" not in said


def test_a_trained_job_is_told_again_by_watch(cli, trained):
    job_id, done = trained
    watched = cli("jobs", "watch", job_id)
    assert watched.stdout == done.stdout
    assert watched.stderr.splitlines() == done.stderr.splitlines()[1:]


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("command", "key", "value"),
    [
        ("jobs list --state succeeded --limit 1000", "name", "cli-digits"),
        ("models list", "name", "cli-digits"),
        ("models list --name cli-digits", "version", "1"),
        ("datasets list", "name", "digits"),
        ("architectures", "name", "mnist_cnn"),
    ],
)
def test_a_list_as_json_holds_what_there_is(cli, command, key, value):
    assert value in {row[key] for row in json.loads(cli(*command.split(), "--json").stdout)}


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("command", "key", "value"),
    [
        ("models show cli-digits", "dataset", "digits"),
        ("datasets show iris", "labels", ["setosa", "versicolor", "virginica"]),
        ("architectures mlp", "name", "mlp"),
        ("summary mnist_cnn --dataset mnist", "parameters", 225_034),
        ("summary mlp -d iris --set options.hidden=[7]", "parameters", 4 * 7 + 7 + 7 * 3 + 3),
    ],
)
def test_one_thing_as_json_holds_its_fields(cli, command, key, value):
    assert json.loads(cli(*command.split(), "--json").stdout)[key] == value


def test_the_settings_that_are_shown_train_the_same_job_again(cli, trained):
    job_id, _ = trained
    first = json.loads(cli("jobs", "show", job_id, "--json").stdout)
    lines = cli("jobs", "show", job_id).stdout.splitlines()
    (column,) = (line.index(" epochs=") + 1 for line in lines if " epochs=" in line)
    sets = [part for line in lines if "=" in line for part in ("--set", line[column:])]
    again = cli(
        "train", "mlp", "-d", "digits", "--name", "cli-digits-again", *sets, "--detach"
    ).stdout.strip()
    cli("jobs", "watch", again)
    second = json.loads(cli("jobs", "show", again, "--json").stdout)
    assert second["spec"] == first["spec"]
    assert second["metrics"] == first["metrics"]


def test_settings_by_path_reach_the_job(cli):
    job_id = cli(
        *("train", "mlp", "-d", "iris", "-n", "1", "--detach"),
        *("--set", "optimizer=sgd", "--set", "optimizer.learning_rate=0.05", "--set", "options.hidden=[8]"),
    ).stdout.strip()
    spec = json.loads(cli("jobs", "show", job_id, "--json").stdout)["spec"]
    assert spec["optimizer"]["kind"] == "sgd"
    assert spec["optimizer"]["learning_rate"] == 0.05
    assert spec["options"]["hidden"] == [8]


def test_jobs_are_listed_shown_and_plotted(cli, trained, tmp_path):
    job_id, _ = trained
    assert job_id in cli("jobs", "list").stdout
    assert job_id in {job["id"] for job in json.loads(cli("jobs", "list", "--json").stdout)}
    assert "SUCCEEDED" in cli("jobs", "show", job_id).stdout
    sketch = cli("jobs", "plot", job_id).stdout
    assert "loss" in sketch
    assert "accuracy" in sketch
    cli("jobs", "plot", job_id, "-o", "curves.png", cwd=tmp_path)
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.format == "PNG"


def test_the_checkpoints_of_a_job_are_listed(cli, trained):
    job_id, _ = trained
    header, first, second = cli("jobs", "checkpoints", job_id).stdout.splitlines()
    assert header.split() == ["STEP", "EPOCH", "SIZE", "AGE", "STATE"]
    assert [line.split()[1] for line in (first, second)] == ["1", "2"]
    assert second.endswith("sound")
    newest = json.loads(cli("jobs", "checkpoints", job_id, "--json").stdout)[-1]
    assert (newest["epoch"], newest["damaged"]) == (2, False)


def test_a_job_is_cancelled(cli):
    job_id = cli("train", "mnist_cnn", "-d", "digits", "-n", "1000", "--detach").stdout.strip()
    assert cli("jobs", "cancel", job_id).stdout.strip() in ("CANCELLED", "CANCELLING")
    assert "CANCELLED" in cli("jobs", "watch", job_id, status=1).stderr.upper()


@pytest.mark.long
def test_a_job_is_paused_and_resumed(cli):
    blocker, job_id = (
        cli("train", "mnist_cnn", "-d", "digits", "-n", "1000", "--detach").stdout.strip() for _ in "12"
    )
    assert cli("jobs", "pause", job_id).stdout.strip() == "PAUSED"
    assert "paused while it waited" in cli("jobs", "show", job_id).stdout
    assert cli("jobs", "resume", job_id).stdout.strip() == "QUEUED"
    for each in (job_id, blocker):
        cli("jobs", "cancel", each)
    refused = cli("jobs", "pause", job_id, status=1).stderr
    assert "can no longer be paused" in refused
    assert "Traceback" not in refused


def test_a_cancelled_job_is_retried_and_deleted_and_shows_its_history(cli):
    flags = ("-n", "1000", "--priority", "-7", "--max-runtime", "1.5h", "--detach")
    job_id = cli("train", "mnist_cnn", "-d", "digits", *flags).stdout.strip()
    cli("jobs", "cancel", job_id)
    cli("jobs", "watch", job_id, status=1)
    assert cli("jobs", "retry", job_id).stdout.strip() in ("QUEUED", "STARTING", "RUNNING")
    cli("jobs", "cancel", job_id)
    cli("jobs", "watch", job_id, status=1)
    shown = cli("jobs", "show", job_id).stdout
    assert "QUEUED: tried again on request" in shown.replace(" (attempt 1)", "")
    shown = json.loads(cli("jobs", "show", job_id, "--json").stdout)
    assert (shown["priority"], shown["max_runtime_seconds"]) == (-7, 5400)
    assert "is no duration" in cli("train", "mlp", "-d", "iris", "--max-runtime", "soon", status=2).stderr
    assert cli("jobs", "delete", job_id).stdout.strip() == f"deleted {job_id}"
    assert "was deleted" in cli("jobs", "show", job_id, status=1).stderr


@pytest.mark.usefixtures("trained")
def test_models_are_listed_shown_and_asked(cli, tmp_path):
    assert "cli-digits@1" in cli("models", "list").stdout
    assert "image UINT8 [-1, 8, 8, 1]" in cli("models", "show", "cli-digits").stdout
    pixels = np.full((8, 8), 7, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "digit.png")
    np.save(tmp_path / "digits.npy", np.stack([pixels, pixels]))
    shown = cli("predict", "cli-digits", "digit.png", "digits.npy", cwd=tmp_path).stdout
    assert [line.split()[0] for line in shown.splitlines()[1:]] == [
        "digit.png",
        "digits.npy[0]",
        "digits.npy[1]",
    ]
    parsed = json.loads(cli("predict", "cli-digits@1", "digit.png", "--json", cwd=tmp_path).stdout)
    assert sum(parsed[0]["prediction"]["probabilities"]) == pytest.approx(1.0, abs=1e-4)


def test_the_catalog_is_shown(cli):
    assert "225,034" in cli("summary", "mnist_cnn", "--dataset", "mnist").stdout
    assert "mnist_cnn" in cli("architectures").stdout
    assert "dropout" in cli("architectures", "mnist_cnn").stdout
    assert "iris" in cli("datasets", "list").stdout
    assert "setosa" in cli("datasets", "show", "iris").stdout


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["train", "mnist_cn", "-d", "digits"], 1, "error: architecture: "),
        (["train", "mnist_cnn", "-d", "digits", "-n", "-1"], 1, "error: epochs: must be at least 1"),
        (["train", "mnist_cnn", "-d", "digits", "--set", "options.droput=1"], 1, "error: options.droput: "),
        (["train", "mnist_cnn", "-d", "digits", "--set", "option.dropout=1"], 2, "did you mean options?"),
        (["train", "mnist_cnn"], 2, "--dataset"),
        (["jobs", "show", "nothing"], 1, "error: "),
        (["models", "show", "nothing"], 1, "error: "),
        (["models", "show", "cli-digits@0"], 1, "version should be an integral value > 0"),
        (["models", "show", "cli-digits@champion"], 1, "no alias 'champion'"),
        (["predict", "cli-digits", "/no/such.png"], 1, "there is no file"),
        (["jobs", "list", "--state", "SLEEPING"], 1, "there is no state 'SLEEPING'"),
        (["jobs", "plot", "nothing"], 1, "error: "),
        (["datasets", "show", "irsi"], 1, "did you mean iris?"),
        (["models", "show", "cli-digits@99"], 1, "no version 99"),
        (["train", "mlp", "-d", "iris", "--set", "epochs=abc"], 1, "error: epochs: must be an integer"),
        (["train", "mlp", "-d", "iris", "-n", "abc"], 2, "error: Invalid value for '--epochs'"),
        (["jobs", "list", "--limit", "0"], 2, "error: "),
        (["nonsense"], 2, "error: No such command 'nonsense'"),
        (["architectures", "mpl"], 1, "did you mean mlp?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
@pytest.mark.usefixtures("trained")
def test_a_mistake_is_one_clear_line(cli, arguments, status, words):
    assert words in cli(*arguments, status=status).stderr


def test_where_no_server_runs_the_command_says_what_to_start(cli):
    said = cli("jobs", "list", server="127.0.0.1:9", status=1).stderr
    assert "error: nothing answers at 127.0.0.1:9" in said
    assert "bessemer-server --listen 127.0.0.1:9" in said


@pytest.mark.usefixtures("trained")
def test_a_file_that_does_not_fit_is_named(cli, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"hello")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "large.png")
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    for name, words in [
        ("broken.png", "no picture can be read from broken.png"),
        ("large.png", "large.png: the model takes images of shape"),
        ("rows.csv", "rows.csv: line 1: 'a' is no number"),
    ]:
        said = cli("predict", "cli-digits", name, cwd=tmp_path, status=1).stderr
        assert said.startswith("error: ")
        assert words in said
        assert len(said.splitlines()) == 1


@pytest.mark.parametrize("address", ["", "localhost", "http://localhost:50051"])
def test_what_is_no_address_is_refused(cli, address):
    assert "error: address: must be HOST:PORT" in cli("jobs", "list", server=address, status=1).stderr


@pytest.mark.parametrize(
    "command", ["", "train", "jobs", "jobs list", "models", "predict", "datasets", "summary"]
)
def test_every_command_has_help(cli, command):
    assert "Usage: bessemer" in cli(*command.split(), "--help").stdout


def test_a_table_is_uploaded_shown_and_deleted(cli, tmp_path):
    (tmp_path / "points.csv").write_text("x,y,side\n" + "1,2,left\n3,4,right\n" * 5)
    options = ("--label", "side", "--description", "Points")
    shown = cli("datasets", "upload", "cli-points", "points.csv", *options, cwd=tmp_path).stdout
    assert "Points: 10 uploaded rows, labels from the column 'side'." in shown
    assert "left, right" in shown
    assert json.loads(cli("datasets", "show", "cli-points", "--json").stdout)["train_samples"] == 10
    assert "uploaded" in cli("datasets", "list").stdout
    assert cli("datasets", "delete", "cli-points").stdout == "deleted cli-points\n"
    assert "error: no data set 'cli-points'" in cli("datasets", "delete", "cli-points", status=1).stderr


def test_a_faulty_table_is_an_error_line_for_each_fault(cli, tmp_path):
    (tmp_path / "bad.csv").write_text("x,label\n1,a\nmany,b\n3\n")
    shown = cli("datasets", "upload", "cli-bad", str(tmp_path / "bad.csv"), status=1).stderr.splitlines()
    assert shown == [
        "error: bad.csv line 4: has 1 cells, but the header has 2",
        "error: bad.csv line 3, x: 'many' is no number; correct it, or leave the row out",
    ]


def test_models_are_named_and_deleted(cli):
    for seed in ("1", "2"):
        cli("train", "mlp", "--dataset", "iris", "--epochs", "1", "--seed", seed, "--name", "cli-named")
    assert cli("models", "alias", "cli-named", "best").stdout == "cli-named@best is cli-named@2\n"
    assert cli("models", "alias", "cli-named@1", "best").stdout == "cli-named@best is cli-named@1\n"
    shares = ("--share", "1=9", "--share", "2=1")
    assert (
        cli("models", "alias", "cli-named", "best", *shares).stdout == "cli-named@best is shared: 1=9, 2=1\n"
    )
    assert "best" in cli("models", "list", "--name", "cli-named").stdout
    assert json.loads(cli("models", "show", "cli-named@best", "--json").stdout)["version"] == "1"
    assert "has the alias 'best'" in cli("models", "delete", "cli-named@1", status=1).stderr
    twice = ("--share", "1=1", "--share", "1=2")
    assert "names version 1 twice" in cli("models", "alias", "cli-named", "best", *twice, status=2).stderr
    apart = ("--share", "1=1", "--share", "01=2")
    assert "names version 1 twice" in cli("models", "alias", "cli-named", "best", *apart, status=1).stderr
    assert (
        "takes VERSION=PART" in cli("models", "alias", "cli-named", "best", "--share", "1", status=2).stderr
    )
    assert "Give either" in cli("models", "alias", "cli-named@1", "best", "--remove", status=2).stderr
    assert cli("models", "alias", "cli-named", "best", "--remove").stdout == "cli-named has no alias best\n"
    assert cli("models", "delete", "cli-named@1").stdout == "deleted cli-named@1\n"
    assert cli("models", "delete", "cli-named", "--yes").stdout == "deleted cli-named@2\n"
    assert "there is no model 'cli-named'" in cli("models", "show", "cli-named", status=1).stderr


def test_who_asks_a_model_for_what_it_does_not_do_is_told_the_command_for_what_it_does(cli):
    small = ("--set", "options.latent=8", "--set", "options.filters=8")
    cli("train", "dcgan", "--dataset", "digits", "--epochs", "1", "--name", "cli-painter", *small)
    said = cli("predict", "cli-painter", "--text", "x", status=1).stderr
    assert "draw some with `bessemer sample cli-painter@1`" in said
    cli("train", "mlp", "--dataset", "iris", "--epochs", "1", "--name", "cli-no-painter")
    said = cli("sample", "cli-no-painter", status=1).stderr
    assert "ask it with `bessemer predict cli-no-painter@1 FILE`" in said
