"""Data sets that come as an archive of one folder: found unpacked, or packed, or downloaded and unpacked."""

from __future__ import annotations

import dataclasses
import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from bessemer_server.data import downloads, sources


@dataclasses.dataclass(frozen=True, slots=True)
class Archive:
    """Where the folder of a data set is, in torchvision's layout: directly below a data set folder."""

    folder: str
    """The folder that the archive holds, e.g. `cifar-10-batches-py`."""
    file: str
    """Name of the archive, a gzipped tar file."""
    mirrors: Sequence[str]
    """Addresses that `file` is appended to."""
    md5: str
    members: str = r".*"
    """Pattern of the members that are unpacked; the rest of the archive is left in it."""

    def find(self, folders: sources.Folders) -> Path:
        """The folder; what had to be unpacked for it lies in the cache. Raises `sources.InvalidData`."""
        roots = [root for root in (folders.dataset_dir, folders.cache_dir) if root is not None]
        for root in roots:
            if (root / self.folder).is_dir():
                return root / self.folder
        packed = [root / self.file for root in roots if (root / self.file).is_file()]
        self._unpack(packed[0] if packed else self._download(folders.cache_dir, roots), folders.cache_dir)
        return folders.cache_dir / self.folder

    def _download(self, cache_dir: Path, roots: Sequence[Path]) -> Path:
        target = cache_dir / self.file
        try:
            downloads.fetch(self.mirrors, self.md5, target)
        except downloads.DownloadFailed as error:
            looked = " or ".join(map(str, roots))
            raise sources.InvalidData(
                f"neither {self.folder} nor {self.file} is in {looked}, and it could not be downloaded ({error})",
                f"let the service reach {self.mirrors[0]}, or put {self.folder} or {self.file} into the folder that "
                f"the server has as --dataset-dir",
            ) from error
        return target

    def _unpack(self, path: Path, cache_dir: Path) -> None:
        """Into place in one move, also with several processes at once."""
        if not downloads.has_digest(path, self.md5):
            raise sources.InvalidData(
                f"{path} is not the published file: its MD5 digest is not {self.md5}",
                f"remove {path}, so that it is fetched again",
            )
        cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_dir, prefix=f".{self.folder}.") as room:
            try:
                with tarfile.open(path) as tar:
                    tar.extractall(room, members=self._choose(tar), filter="data")
            except (tarfile.TarError, EOFError, zlib.error) as error:
                raise sources.InvalidData(
                    f"{path} cannot be unpacked: {error}", f"remove {path}, so that it is fetched again"
                ) from error
            try:
                (Path(room) / self.folder).rename(cache_dir / self.folder)
            except OSError:
                if not (cache_dir / self.folder).is_dir():  # another process was faster otherwise
                    raise

    def _choose(self, tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
        return (member for member in tar if re.fullmatch(self.members, member.name))
