"""The very command of docker-compose.yml, against a real PostgreSQL, found healthy by the image's own health check."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
LISTENING = re.compile(r"bessemer-server listening on 127\.0\.0\.1:(\d+) ")


def _health_check(port: str) -> list[str]:
    found = re.search(r"CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    _, flag, code = json.loads(found[1])
    assert "localhost:50051" in code
    return [sys.executable, flag, code.replace("50051", port)]


def test_the_service_of_the_compose_file_starts_on_postgresql_and_is_found_healthy(
    empty_postgres_url: str, tmp_path: Path
) -> None:
    service = YAML(typ="safe").load(ROOT / "docker-compose.yml")["services"]["bessemer"]
    assert set(service["environment"]) == {"BESSEMER_DATABASE"}
    elsewhere = {"0.0.0.0:50051": "127.0.0.1:0", "/data": str(tmp_path / "data")}
    command = [elsewhere.get(word, word) for word in service["command"]]
    process = subprocess.Popen(
        [sys.executable, "-m", "bessemer_server", *command, "--stop-with-stdin"],
        env={
            **os.environ,
            "BESSEMER_DATABASE": empty_postgres_url.replace("postgresql+psycopg:", "postgresql:"),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:  # closes its standard input at the end, and waits
        assert process.stdout
        listening = LISTENING.match(process.stdout.readline())
        assert listening
        check = subprocess.run(_health_check(listening[1]), capture_output=True, text=True, check=False)
        assert check.returncode == 0, check.stderr
        with psycopg.connect(empty_postgres_url.replace("postgresql+psycopg:", "postgresql:")) as connection:
            tables = connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
        assert ("jobs",) in tables


def test_the_health_check_fails_where_nobody_listens() -> None:
    check = subprocess.run(_health_check("1"), capture_output=True, text=True, check=False)
    assert check.returncode != 0
