"""docker-compose.yml and the Dockerfile, as far as they can be checked without a Docker engine."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bessemer_server import settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
VARIABLE = re.compile(r"\$\{(?P<name>\w+):-(?P<default>[^}]*)\}")


@pytest.fixture
def services() -> dict[str, Any]:
    """The services, with variables at their defaults."""
    text = VARIABLE.sub(lambda match: match["default"], COMPOSE_FILE.read_text(encoding="utf-8"))
    services: dict[str, Any] = YAML(typ="safe").load(text)["services"]
    return services


def _instruction(name: str) -> list[str]:
    """The JSON list of a Dockerfile's instruction."""
    found = re.search(rf"^{name} (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found, name
    words: list[str] = json.loads(found[1])
    return words


def test_the_compose_file_fits_its_schema() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    outcome = subprocess.run([*check, str(COMPOSE_FILE)], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout


def test_the_service_accepts_its_command_line_and_its_environment(
    services: dict[str, Any], tmp_path: Path
) -> None:
    service = services["bessemer"]
    assert _instruction("ENTRYPOINT") == ["bessemer-server"]
    outcome = subprocess.run(
        [sys.executable, "-m", "bessemer_server", *service["command"], "--check"],
        env={**os.environ, "HOME": str(tmp_path), **service["environment"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    found = dict(line.split(" = ", 1) for line in outcome.stdout.splitlines())
    assert found["listen"] == "0.0.0.0:50051"
    assert found["data_dir"] == "/data"
    assert found["database"] == "postgresql://bessemer:***@postgres:5432/bessemer"


def test_every_variable_of_the_service_is_a_setting(services: dict[str, Any]) -> None:
    variables = [*services["bessemer"]["environment"], *re.findall(r"\b(BESSEMER_[A-Z_]+)=", DOCKERFILE)]
    known = {f"BESSEMER_{name.upper()}" for name in settings.Settings.model_fields}
    assert set(variables) <= known


def test_service_and_database_agree_on_user_password_and_name(services: dict[str, Any]) -> None:
    database = services["postgres"]["environment"]
    user, password, name = (database[f"POSTGRES_{key}"] for key in ("USER", "PASSWORD", "DB"))
    url = f"postgresql://{user}:{password}@postgres:5432/{name}"
    assert services["bessemer"]["environment"]["BESSEMER_DATABASE"] == url


def test_the_service_is_published_on_this_machine_only_and_the_database_not_at_all(
    services: dict[str, Any],
) -> None:
    assert services["bessemer"]["ports"] == ["127.0.0.1:50051:50051"]
    assert "ports" not in services["postgres"]


def test_the_service_waits_for_a_database_that_answers(services: dict[str, Any]) -> None:
    assert services["bessemer"]["depends_on"]["postgres"] == {"condition": "service_healthy"}
    assert "healthcheck" in services["postgres"]


def test_docker_waits_longer_than_a_stop_takes(services: dict[str, Any]) -> None:
    grace = services["bessemer"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > settings.Settings.model_fields["grace_seconds"].default


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sources = [
        word for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]
    ]
    assert sources
    assert all((ROOT / source).exists() for source in sources)
    assert all(f"!{source}" in ignored for source in sources)


def test_the_image_runs_as_a_user_that_is_not_root() -> None:
    assert re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE) == ["bessemer"]


def test_the_health_check_is_python_that_compiles() -> None:
    found = re.search(r"CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found
    program, flag, code = json.loads(found[1])
    assert (program, flag) == ("python", "-c")
    ast.parse(code)
