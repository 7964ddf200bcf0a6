"""Where a ledger may lie: a network folder is refused by the type of its file system, whatever it is called."""

from __future__ import annotations

import sys
from collections import namedtuple
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from batch.errors import LedgerUnusable
from batch.ledger import Ledger
from batch.ledger.storage.location import find_sync_service, is_network, is_unc, mount_of

Partition = namedtuple("Partition", ["device", "mountpoint", "fstype", "opts"])
with_mounts = pytest.mark.skipif(sys.platform == "win32", reason="Windows tells the kind of a drive, not of a mount")


@pytest.mark.parametrize(
    "fstype",
    [
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afpfs", "webdav", "fuse.sshfs", "fuse.rclone", "fuse.gvfsd-fuse"),
        *(
            "ceph",
            "fuse.glusterfs",
            "lustre",
            "9p",
            "drvfs",
            "virtiofs",
            "vboxsf",
            "fuse.vmhgfs-fuse",
            "macfuse",
            "NFS",
        ),
    ],
)
def test_what_other_machines_may_see_is_network(fstype: str) -> None:
    """File servers, clusters, the host of a virtual machine, and what FUSE brings from afar."""
    assert is_network(fstype)


@pytest.mark.parametrize(
    "fstype",
    ["ext4", "btrfs", "xfs", "zfs", "apfs", "hfs", "NTFS", "fuseblk", "fuse.gocryptfs", "tmpfs", "overlay", ""],
)
def test_a_disk_of_this_machine_is_not(fstype: str) -> None:
    """Also a stick, an encrypted folder, a container's own layer, and what nobody has heard of."""
    assert not is_network(fstype)


@pytest.mark.parametrize(
    ("path", "network"),
    [
        (r"\\server\share\ledger.sqlite3", True),
        ("//server/share/ledger.sqlite3", True),
        (r"\\?\UNC\server\share\ledger.sqlite3", True),
        (r"\\wsl.localhost\Ubuntu\ledger.sqlite3", True),
        (r"\\?\C:\dados\ledger.sqlite3", False),
        (r"C:\dados\ledger.sqlite3", False),
    ],
)
def test_a_windows_path_tells_by_its_beginning(path: str, *, network: bool) -> None:
    """Two backslashes name another machine, unless they only ask for a long path."""
    assert is_unc(path) is network


def test_the_nearest_mount_holds_a_path() -> None:
    """Whole folder names are compared, and of two mounts on one folder the later one counts."""
    mounts = [
        Partition("", "/", "ext4", "rw"),
        Partition("", "/mnt/da", "nfs", "rw"),
        Partition("", "/mnt/dados", "autofs", "rw"),
        Partition("", "/mnt/dados", "nfs4", "rw"),
        Partition("", "/mnt/dados/local", "xfs", "rw"),
    ]

    def fstype(path: str) -> str | None:
        found = mount_of(PurePosixPath(path), mounts)
        return found.fstype if found else None

    assert fstype("/mnt/dados/ledger.sqlite3") == "nfs4"
    assert fstype("/mnt/dados/local/ledger.sqlite3") == "xfs"
    assert fstype("/mnt/dad/ledger.sqlite3") == "ext4"
    assert mount_of(PurePosixPath("/x"), []) is None


def _mounted(monkeypatch: pytest.MonkeyPatch, folder: Path, fstype: str) -> None:
    table = [Partition("/dev/vda", "/", "ext4", "rw"), Partition("server:/export", str(folder), fstype, "rw")]
    monkeypatch.setattr("psutil.disk_partitions", lambda **_: table)


@with_mounts
def test_a_ledger_in_a_network_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its real place, before anything is written there, with the way out of it; `check` says so as `run` does."""
    share = tmp_path / "share"
    share.mkdir()
    (tmp_path / "link").symlink_to(share)
    _mounted(monkeypatch, share, "nfs4")
    for opening in (Ledger.open, Ledger.for_reading):
        with pytest.raises(LedgerUnusable) as refused:
            opening(f"sqlite:///{tmp_path / 'link' / 'new' / 'ledger.sqlite3'}")
        assert f"nfs4 at {share}" in refused.value.problem
        assert "--ledger postgresql://" in refused.value.remedy
        assert "on a disk of this machine" in refused.value.remedy
    assert not list(share.iterdir())


@with_mounts
def test_a_ledger_that_is_there_already_is_moved_by_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one beside it would not know who was messaged."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    Ledger.open(url).close()
    _mounted(monkeypatch, tmp_path, "cifs")
    with pytest.raises(LedgerUnusable, match="ledger backup"):
        Ledger.open(url)


@with_mounts
def test_a_local_disk_below_a_network_folder_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mount nearest to the ledger decides, and where the system shows no mounts nothing is refused."""
    _mounted(monkeypatch, tmp_path, "ext4")
    Ledger.open(f"sqlite:///{tmp_path / 'a.sqlite3'}").close()

    def hidden(**_: object) -> list[Partition]:
        raise PermissionError

    monkeypatch.setattr("psutil.disk_partitions", hidden)
    Ledger.open(f"sqlite:///{tmp_path / 'b.sqlite3'}").close()


@pytest.mark.parametrize(
    ("path", "service"),
    [
        (PureWindowsPath(r"C:\Dados\OneDrive - Padaria Aurora\Documentos\ledger.sqlite3"), "OneDrive"),
        (PureWindowsPath(r"G:\Meu Drive\ledger.sqlite3"), "Google Drive"),
        (PurePosixPath("/x/Library/CloudStorage/GoogleDrive-ana@example.org/ledger.sqlite3"), "Google Drive"),
        (PurePosixPath("/x/Library/Mobile Documents/com~apple~CloudDocs/ledger.sqlite3"), "iCloud"),
        (PurePosixPath("/x/Dropbox (Pessoal)/ledger.sqlite3"), "Dropbox"),
        (PurePosixPath("/x/dropboxes/OneDrive"), None),
        (PureWindowsPath(r"C:\Dados\wegly-batch\ledger.sqlite3"), None),
    ],
)
def test_a_synchronised_folder_is_known_by_its_name(path: PurePosixPath, service: str | None) -> None:
    """Of the usual services, by a whole folder name."""
    assert find_sync_service(path) == service
