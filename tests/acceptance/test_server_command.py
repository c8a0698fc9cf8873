"""The server command: starting, refusing to start, stopping."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import tomllib

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import bessemer
from bessemer_server import __main__, cli


def run(*flags, env=None):
    return subprocess.run(
        [sys.executable, "-m", "bessemer_server", *flags],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        check=False,
    )


def remaining(processes):
    """Those that still run after some seconds. A zombie has ended; that nobody collects it is up to the machine's init."""
    _, alive = psutil.wait_procs(processes, timeout=10)
    return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_the_server_process_has_no_torch(service):
    maps = pathlib.Path(f"/proc/{service.pid}/maps").read_text()
    assert "grpc" in maps
    assert "torch" not in maps


def test_health_is_served_for_the_server_and_each_service(service):
    with grpc.insecure_channel(service.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", "bessemer.v1.JobService", "inference.GRPCInferenceService"):
            assert stub.Check(health_pb2.HealthCheckRequest(service=name)).status == 1


def test_a_second_server_on_the_same_folder_is_refused_with_the_pid_of_the_first(service):
    second = run("--listen", "127.0.0.1:0", "--data-dir", str(service.data_dir))
    assert second.returncode == 1
    assert f"process id {service.pid}" in second.stderr
    assert "--data-dir" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_in_use_is_refused(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run("--listen", f"127.0.0.1:{port}", "--data-dir", str(tmp_path))
    assert refused.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_port_of_a_running_server_is_not_shared(service, tmp_path):
    refused = run("--listen", service.address, "--data-dir", str(tmp_path))
    assert refused.returncode == 1
    assert "the port is in use" in refused.stderr


def test_a_device_that_is_not_there_is_refused(tmp_path):
    refused = run("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path), "--device", "cuda:7")
    assert refused.returncode == 1
    assert "device cuda:7 is not there" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--listen", "nonsense"], "listen: must be HOST:PORT"),
        (["--device", "gpu"], "device: must be auto, cpu"),
        (["--slots", "-1"], "slots: Input should be greater than or equal to 0"),
        (["--database", "mysql://x"], "database: must be postgresql://"),
        (["--dataset-dir", "/nowhere"], "/nowhere is no folder"),
        (["--config", "/nowhere.toml"], "there is no file /nowhere.toml"),
        (["--log-level", "loud"], "log_level: must be debug"),
    ],
)
def test_wrong_settings_are_named(flags, message):
    refused = run("--check", *flags)
    assert refused.returncode == 2
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr


def test_flags_win_over_the_environment_and_the_environment_over_the_file(tmp_path):
    file = tmp_path / "bessemer.toml"
    file.write_text('listen = "127.0.0.1:1"\nslots = 1\ndevice = "cpu"\n')
    tomllib.loads(file.read_text())
    shown = run(
        *("--check", "--config", str(file), "--listen", "127.0.0.1:3"),
        env={"BESSEMER_LISTEN": "127.0.0.1:2", "BESSEMER_SLOTS": "2"},
    ).stdout
    assert "listen = 127.0.0.1:3\n" in shown
    assert "slots = 2\n" in shown
    assert "device = cpu\n" in shown


def test_an_unknown_setting_in_the_file_is_named(tmp_path):
    file = tmp_path / "bessemer.toml"
    file.write_text("slot = 1\n")
    refused = run("--check", "--config", str(file))
    assert refused.returncode == 2
    assert "slot: there is no such setting" in refused.stderr


def test_sigterm_during_training_saves_and_the_next_server_goes_on(make_service):
    service = make_service("--grace-seconds", "20")
    service.start()
    with bessemer.connect(service.address) as client:
        small = {"filters": [4, 8], "units": 16}
        job = client.train("mnist_cnn", dataset="digits", epochs=12, name="long", options=small)
        for event in job.watch():
            if event.cursor > 6:
                break
    everyone = service.processes()
    assert service.stop() == 0
    assert remaining(everyone) == []
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.jobs.get(job.id)
        assert job.state in ("QUEUED", "STARTING", "RUNNING")
        step = job.progress.step
        assert step > 0
        job.wait()
        assert job.state == "SUCCEEDED"
        assert job.attempt == 2
        assert job.failure is None
        assert len(job.history["train/loss"]) == 12
        assert len(job.history.steps["train/loss"]) == job.progress.steps


def test_health_tells_of_the_stop_before_the_port_closes(make_service):
    service = make_service()
    service.start()
    with grpc.insecure_channel(service.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        os.kill(service.pid, signal.SIGTERM)
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    service.close()


def test_the_server_stops_when_its_parent_is_gone(make_service):
    service = make_service()
    service.start()
    everyone = service.processes()
    service.close()  # closes standard input, and nothing else
    assert remaining(everyone) == []


@pytest.mark.parametrize(
    ("missing", "flags", "extra"),
    [
        ("pydantic", (), "server"),
        ("sqlalchemy", (), "server"),
        ("psycopg", ("--database", "postgresql://nobody@127.0.0.1:9/none"), "postgres"),
    ],
)
def test_a_library_that_is_not_installed_is_named_with_the_extra_that_brings_it(
    tmp_path, missing, flags, extra
):
    script = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from bessemer_server import __main__ as command\n"
        f"sys.argv[1:] = {['--listen', '127.0.0.1:0', '--data-dir', str(tmp_path), *flags]!r}\n"
        "command.main()"
    )
    refused = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert refused.returncode == 1
    assert missing in refused.stderr
    assert f'not installed: pip install "bessemer[{extra}]"' in refused.stderr
    assert "Traceback" not in refused.stderr


def test_ctrl_c_while_it_loads_ends_it_without_a_stack(monkeypatch, capsys):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupt)
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == ""


def test_a_database_that_is_not_there_is_named(tmp_path):
    refused = run("--data-dir", str(tmp_path), "--database", "postgresql://nobody:secret@127.0.0.1:9/none")
    assert refused.returncode == 1
    assert "127.0.0.1" in refused.stderr
    assert "secret" not in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path):
    file = tmp_path / "bessemer.db"
    file.write_text("dear diary\n" * 100)
    refused = run("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path))
    assert refused.returncode == 1
    assert str(file) in refused.stderr
    assert "Traceback" not in refused.stderr
    assert file.read_text() == "dear diary\n" * 100


def test_the_settings_are_shown_without_the_password():
    shown = run("--check", "--database", "postgresql://me:secret@host/name").stdout
    assert "database = postgresql://me:***@host/name\n" in shown
    assert "secret" not in shown


def test_a_fork_server_that_is_killed_while_it_loads_is_started_again(make_service):
    service = make_service()
    service.start()
    forkserver = wait_for_forkserver(service)
    forkserver.kill()
    with bessemer.connect(service.address) as client:
        job = client.train("mlp", dataset="iris", epochs=1)
        job.wait()
        assert job.state == "SUCCEEDED"


def wait_for_forkserver(service):
    while True:
        for process in service.processes()[1:]:
            if "forkserver" in " ".join(process.cmdline()):
                return process


def test_a_server_that_shall_stop_with_its_input_takes_a_file_for_input_too(make_service, tmp_path):
    (tmp_path / "input").write_text("some words\n")
    with (tmp_path / "input").open() as file:
        ended = subprocess.run(
            make_service().command(), stdin=file, capture_output=True, text=True, check=False, timeout=60
        )
    assert ended.returncode == 0, ended.stderr
    assert "listening on" in ended.stdout
