"""Locations of a ledger: a disk of this machine, no network folder.

SQLite's write-ahead log keeps its index in memory that all its processes share, and stands on locks that hold. A
network folder gives neither, nor does a folder of the host that a virtual machine or container sees through 9p (WSL's
`/mnt/c` among them) or virtiofs: databases there were not locked at all, or damaged. A damaged ledger no longer knows
who was messaged, so such a place is refused before anything is written to it.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any

from batch.errors import LedgerUnusable
from batch.i18n import _

if sys.platform == "win32":
    import ctypes
else:
    import psutil


_FILE_SERVERS = "afpfs afs cifs coda davfs davfs2 ftp ncpfs nfs nfs3 nfs4 smb smb2 smb3 smbfs webdav"
_CLUSTERS = (
    "beegfs ceph ceph-fuse cephfs gfs2 glusterfs gpfs juicefs lizardfs lustre mfs moosefs ocfs2 orangefs panfs pvfs2 "
    "seaweedfs"
)
_OF_THE_HOST = "9p drvfs fakeowner grpcfuse osxfs prl_fs virtiofs vboxsf vmhgfs vmhgfs-fuse"
_BY_FUSE = (
    "blobfuse blobfuse2 curlftpfs gcsfuse goofys google-drive-ocamlfuse gvfsd-fuse kio-fuse macfuse mount-s3 onedriver "
    "osxfuse rclone s3fs smbnetfs sshfs"
)
_NETWORK = frozenset(f"{_FILE_SERVERS} {_CLUSTERS} {_OF_THE_HOST} {_BY_FUSE}".split())

_SYNC_SERVICES = {
    "onedrive": "OneDrive",
    "dropbox": "Dropbox",
    "google drive": "Google Drive",
    "googledrive": "Google Drive",
    "my drive": "Google Drive",
    "meu drive": "Google Drive",
    "mobile documents": "iCloud",
    "icloud drive": "iCloud",
    "iclouddrive": "iCloud",
    "nextcloud": "Nextcloud",
}
_DRIVE_REMOTE = 4  # GetDriveTypeW


def refuse_network_folder(path: Path) -> None:
    """Raise LedgerUnusable when the ledger `path` would lie in a network folder. It need not be there yet."""
    kind = _network_kind(Path(os.path.realpath(path)))
    if kind is None:
        return
    way = _("Name a place on a disk of this machine with --ledger, as sqlite:///path/to/ledger.sqlite3.")
    if path.exists():
        way = _("Copy it to a disk of this machine with `wegly-batch ledger backup`, and name the copy with --ledger.")
    raise LedgerUnusable(
        _("The ledger {path} lies in a network folder ({kind}), where SQLite may lock nothing or damage it.").format(
            path=path, kind=kind
        ),
        " ".join((way, _("Several machines share a ledger on PostgreSQL: --ledger postgresql://host/database."))),
    )


def is_network(fstype: str) -> bool:
    """Return whether a type of file system (`nfs4`, `fuse.sshfs`) is one that other machines may see.

    Closed list: a type that is not in it counts as a disk of this machine. macFUSE does not tell its file systems
    apart, so all of them count as network.
    """
    return fstype.casefold().removeprefix("fuse.") in _NETWORK


def is_unc(path: str) -> bool:
    r"""Return whether a Windows path names another machine (`\\server\share`, also as `\\?\UNC\server\share`)."""
    plain = path.replace("/", "\\").casefold()
    if plain.startswith(("\\\\?\\", "\\\\.\\")):
        return plain.startswith("\\\\?\\unc\\")
    return plain.startswith("\\\\")


def mount_of(path: PurePath, mounts: Iterable[Any]) -> Any | None:
    """Return the mount that holds an absolute path without links; of several on one folder the last, which is seen.

    `mounts`: partitions as psutil gives them.
    """
    parts = _parts(path)

    def depth(mount: Any) -> int:
        folder = _parts(type(path)(mount.mountpoint))
        return len(folder) if parts[: len(folder)] == folder else 0

    *_others, deepest = None, *sorted(filter(depth, mounts), key=depth)
    return deepest


def find_sync_service(path: PurePath) -> str | None:
    """Return the service whose folder holds `path`, by the folders' usual names; None when no known one does.

    Such a ledger is not refused: on one machine it works. But the service may put an older copy back, and a second
    machine that uses the same folder has a ledger of its own until the next synchronisation.
    """
    for part in path.parent.parts:
        for name, service in _SYNC_SERVICES.items():
            folder = part.casefold()
            if folder == name or folder.startswith((f"{name} - ", f"{name} (", f"{name}-")):
                return service
    return None


def _parts(path: PurePath) -> tuple[str, ...]:
    # macOS finds /volumes/share as well as /Volumes/share, and tells the mount by one of them.
    return tuple(part.casefold() for part in path.parts) if sys.platform == "darwin" else path.parts


if sys.platform == "win32":

    def _network_kind(real: Path) -> str | None:
        remote = is_unc(str(real)) or ctypes.windll.kernel32.GetDriveTypeW(real.anchor) == _DRIVE_REMOTE
        return real.drive if remote else None

else:

    def _network_kind(real: Path) -> str | None:
        try:
            mount = mount_of(real, psutil.disk_partitions(all=True))
        except (OSError, psutil.Error):  # where the system shows no mounts, the ledger's own writes must tell
            return None
        if mount is None or not is_network(mount.fstype):
            return None
        return _("{kind} at {folder}").format(kind=mount.fstype, folder=mount.mountpoint)
