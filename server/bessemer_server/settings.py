"""Settings of the service, from flags, environment and a TOML file, in this order. The only reader of the environment."""

from __future__ import annotations

import ipaddress
import os
import pathlib
import re
import tomllib
from collections.abc import Mapping
from typing import Any, Literal, Self

import pydantic

from bessemer_server.domain import processors

FRONTS_MAX = 4
"""So many receive what one server process can answer."""
ENVIRONMENT_PREFIX = "BESSEMER_"
LISTEN = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[^:\s]+):(?P<port>\d{1,5})")
FRONTS = re.compile(r"auto|\d{1,2}")
DEVICES = re.compile(r"auto|cpu|cuda(:\d+(,\d+)*)?")


class Settings(pydantic.BaseModel):
    """Each field is `--field-name` on the command line, `BESSEMER_FIELD_NAME` in the environment, `field_name` in TOML."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    listen: str = "127.0.0.1:50051"
    """Address and port for clients; port 0 takes a free one."""
    fronts: str = "auto"
    """Processes that receive calls for the server, on its port: `auto` (2 to 4, by the cores; none on a single one) or a
    number; 0: the server receives them itself."""
    metrics_listen: str = ""
    """Address and port for Prometheus, HOST:PORT; empty for none."""
    data_dir: pathlib.Path = pathlib.Path("~/.bessemer")
    """Folder for the database (unless `database` says otherwise), downloads and the lock."""
    database: str = ""
    """URL of the database, `postgresql://user:password@host/name`; by default SQLite in the data folder."""
    device: str = "auto"
    """Where to train: `auto` (all GPUs, else the CPU), `cpu`, `cuda`, `cuda:0,1`. Predictions are computed there, or on the CPU where
    that is faster for a model."""
    engine: Literal["auto", "torch", "onnxruntime", "cudagraph"] = "auto"
    """What computes predictions: `auto` (the fastest for each model, of those that agree with torch), `torch`, `onnxruntime`
    (on the CPU), `cudagraph` (on a GPU)."""
    predictor_memory_mib: int = pydantic.Field(default=0, ge=0)
    """Memory for the models that answer predictions, in MiB, on each device; those used least recently go. 0 is half of the
    machine's, or of the container's limit, and half of a GPU's."""
    shared_memory: Literal["auto", "on", "off"] = "auto"
    """Whether clients of predictions may name POSIX shared memory objects of this machine for tensors: `auto` (where the server listens
    on a loopback address: what calls it is on this machine), `on`, `off`."""
    slots: int = pydantic.Field(default=0, ge=0, le=1024)
    """Jobs that train at the same time; 0 is one per device."""
    dataset_dir: pathlib.Path | None = None
    """Folder where data sets are looked for before they are downloaded, in torchvision's layout."""
    grace_seconds: float = pydantic.Field(default=30.0, ge=0)
    """How long a stop waits for trainers to save and for calls to end."""
    lease_seconds: float = pydantic.Field(default=10.0, ge=2)
    """A trainer that has not reported for this long has lost its job."""
    back_off_seconds: float = pydantic.Field(default=10.0, gt=0, le=360)
    """Wait of a job whose trainer was lost twice in a row before its next attempt; doubles with each further loss."""
    keep_checkpoints: int = pydantic.Field(default=3, ge=1)
    """Newest checkpoints that are kept of each job whose specification does not say how many."""
    max_upload_mib: int = pydantic.Field(default=4096, ge=1)
    """Size of the files of one data set that a user uploads, in MiB."""
    log_level: str = "info"
    """debug, info, warning or error."""
    stop_with_stdin: bool = False
    """Stop when standard input closes, so that no server outlives the program that started it."""

    @pydantic.field_validator("listen", "metrics_listen")
    @classmethod
    def _check_listen(cls, value: str, info: pydantic.ValidationInfo) -> str:
        if not value and info.field_name == "metrics_listen":
            return value
        match = LISTEN.fullmatch(value)
        if not match or int(match["port"]) > 65535:
            raise ValueError("must be HOST:PORT, e.g. 127.0.0.1:50051 or 0.0.0.0:50051")
        return value

    @pydantic.field_validator("fronts", mode="before")
    @classmethod
    def _check_fronts(cls, value: Any) -> str:
        if not FRONTS.fullmatch(str(value)):
            raise ValueError("must be auto, or a number from 0 to 99")
        return str(value)

    @pydantic.field_validator("device")
    @classmethod
    def _check_device(cls, value: str) -> str:
        if not DEVICES.fullmatch(value):
            raise ValueError("must be auto, cpu, cuda, or cuda:0,1 with the numbers of the GPUs")
        return value

    @pydantic.field_validator("database")
    @classmethod
    def _check_database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("must be postgresql://user:password@host/name or sqlite:///path/to/file.db")
        return value

    @pydantic.field_validator("log_level")
    @classmethod
    def _check_log_level(cls, value: str) -> str:
        if value not in ("debug", "info", "warning", "error"):
            raise ValueError("must be debug, info, warning or error")
        return value

    @pydantic.field_validator("data_dir", "dataset_dir")
    @classmethod
    def _expand(cls, value: pathlib.Path | None) -> pathlib.Path | None:
        return value.expanduser().absolute() if value else value

    @pydantic.model_validator(mode="after")
    def _check_dataset_dir(self) -> Self:
        if self.dataset_dir and not self.dataset_dir.is_dir():
            raise ValueError(f"dataset_dir: {self.dataset_dir} is no folder")
        return self

    @property
    def database_url(self) -> str:
        """The database to use."""
        return self.database or f"sqlite:///{self.data_dir / 'bessemer.db'}"

    @property
    def database_file(self) -> pathlib.Path | None:
        """The database, where it is a SQLite file."""
        scheme, _, path = self.database_url.partition("?")[0].partition(":///")
        return pathlib.Path(path).absolute() if scheme == "sqlite" else None

    @property
    def front_count(self) -> int:
        """How many processes receive calls; 0: none but the server's own."""
        if self.fronts != "auto":
            return int(self.fronts)
        # Where the other cores are busy with predictions and training, handing calls over costs more than it gains.
        count = min(processors.count() // 4, FRONTS_MAX)
        return count if count > 1 else 0

    @property
    def shares_memory(self) -> bool:
        """Whether tensors may lie in shared memory."""
        return self.shared_memory == "on" or (self.shared_memory == "auto" and _is_loopback(self.listen))

    @property
    def logs_dir(self) -> pathlib.Path:
        """Where trainers print to, until the store has it."""
        return self.data_dir / "logs"

    @property
    def cache_dir(self) -> pathlib.Path:
        """Where downloads are kept."""
        return self.data_dir / "datasets"


class InvalidSettings(Exception):
    """What is wrong with the settings, one line for each."""


def load(flags: Mapping[str, Any], file: pathlib.Path | None) -> Settings:
    """Settings from the flags that were given, then the environment, then the file. Raises `InvalidSettings`."""
    names = {name: f"{ENVIRONMENT_PREFIX}{name.upper()}" for name in Settings.model_fields}
    environment = {name: os.environ[variable] for name, variable in names.items() if variable in os.environ}
    try:
        return Settings.model_validate({**_read(file), **environment, **flags})
    except pydantic.ValidationError as error:
        raise InvalidSettings("\n".join(_describe(entry) for entry in error.errors())) from error


def _read(file: pathlib.Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text())
    except FileNotFoundError:
        raise InvalidSettings(f"--config: there is no file {file}") from None
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"--config: {file}: {error}") from error


def _describe(entry: Any) -> str:
    name = ".".join(map(str, entry["loc"]))
    if entry["type"] == "extra_forbidden":
        return f"{name}: there is no such setting; there are {', '.join(Settings.model_fields)}"
    message = entry["msg"].removeprefix("Value error, ")
    return f"{name}: {message} (is {entry['input']!r})" if name else message


def _is_loopback(listen: str) -> bool:
    host = listen.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def hide_password(url: str) -> str:
    """The URL with its password, if it has one, as ***."""
    return re.sub(r"(?<=://)([^:/@]*):[^@]*@", r"\1:***@", url)
