"""Generates the gRPC stubs under `client/` from `protos/`, or checks that those in the tree are what would come out.

python -m tools.generate_stubs            write them
python -m tools.generate_stubs --check    exit with 1 and name each file that differs
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
STUBS = ROOT / "client"
PATTERN = "bessemer/**/*_pb2*.py*"


def generate(destination: pathlib.Path) -> None:
    """Write the stubs of every proto below `destination`; raises `CalledProcessError` when protoc refuses one."""
    protos = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    outputs = [f"--{kind}_out={destination}" for kind in ("python", "pyi", "grpc_python")]
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTOS}", *outputs, *protos]
    subprocess.run(protoc, check=True, cwd=PROTOS)


def read(folder: pathlib.Path) -> dict[str, bytes]:
    """Content of each stub below `folder`, by relative path."""
    found = (path for path in folder.glob(PATTERN) if path.suffix in {".py", ".pyi"})
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def differences() -> list[str]:
    """Stubs that are missing, stale or left over, as paths below `client/`."""
    with tempfile.TemporaryDirectory() as name:
        fresh = pathlib.Path(name)
        generate(fresh)
        wanted, present = read(fresh), read(STUBS)
    return sorted(path for path in wanted.keys() | present.keys() if wanted.get(path) != present.get(path))


def main() -> int:
    """Write the stubs and drop those whose proto is gone; with `--check`, only compare."""
    changed = differences()
    if "--check" in sys.argv[1:]:
        for path in changed:
            print(f"client/{path} is not what protos/ gives: run `make protos`", file=sys.stderr)
        return 1 if changed else 0
    for path in changed:
        (STUBS / path).unlink(missing_ok=True)
    generate(STUBS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
