"""Files of pretrained weights: found by name in a folder of the server, or downloaded and kept."""

from __future__ import annotations

import pickle
import urllib.parse
import zipfile
from pathlib import Path

import torch

from bessemer_server.data import sources
from bessemer_server.domain import errors

FOLDER = "weights"
SUFFIXES = ("", ".pth", ".pt")


def find(name: str, folders: sources.Folders) -> Path:
    """The file `name` or `name.pth` in the folder `weights`. Raises `sources.InvalidData` with nearest names."""
    places = _places(folders)
    for path in (place / f"{name}{suffix}" for place in places for suffix in SUFFIXES):
        # A bare name: what is asked for over the wire must not lead out of the folder.
        if path.parent in places and path.is_file():
            return path
    known = {path.name for place in places if place.is_dir() for path in place.iterdir() if path.is_file()}
    raise sources.InvalidData(
        f"there is no file of weights {name} in {' or '.join(map(str, places))}; {errors.suggest(name, known)}",
        'name a file that is there, put it there, or use weights "default" or "random"',
    )


def fetch(url: str, folders: sources.Folders) -> Path:
    """The file of that address: found, or downloaded with its digest checked. Raises `sources.InvalidData`.

    torchvision names its files by the first digits of their SHA-256 digest, which torch.hub checks.
    """
    name = Path(urllib.parse.urlsplit(url).path).name
    places = _places(folders)
    for place in places:
        if (place / name).is_file():
            return place / name
    target = places[-1] / name
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = Path(name).stem.rpartition("-")[2]
    try:
        torch.hub.download_url_to_file(url, str(target), hash_prefix=digest, progress=False)
    except (OSError, RuntimeError) as error:
        raise sources.InvalidData(
            f"the weights {name} are not in {' or '.join(map(str, places))}, and could not be downloaded from {url} "
            f"({error})",
            f"let the service reach {url}, put the file into the folder {places[0]}, or name another one as weights",
        ) from error
    return target


def read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file by name; nothing in it is executed. Raises `sources.InvalidData`."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise sources.InvalidData(
            f"{path} cannot be read as weights: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            "save a state_dict with torch.save: a mapping from names to tensors, and nothing else",
        ) from error
    if not isinstance(found, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in found.values()):
        raise sources.InvalidData(
            f"{path} holds no mapping from names to tensors",
            "save a state_dict with torch.save: a mapping from names to tensors, and nothing else",
        )
    return found


def _places(folders: sources.Folders) -> list[Path]:
    roots = [root for root in (folders.dataset_dir, folders.cache_dir) if root is not None]
    return [root / FOLDER for root in roots]
