"""Whether a lock on a file of a folder is seen from other machines that have it mounted."""

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
# File systems over a network whose record locks are the server's, unless mounted with one of these.
KEPT_BY_OPTION = {
    "nfs": ("nolock", "local_lock=all", "local_lock=posix"),
    "nfs4": ("local_lock=all", "local_lock=posix"),
    "cifs": ("nobrl",),
    "smb3": ("nobrl",),
    "lustre": ("localflock",),
    "gfs2": ("localflocks",),
    "ocfs2": ("localflocks",),
}
# Those that keep them on the machine, always or as they usually come.
KEPT_ALWAYS = ("afs", "beegfs", "coda", "davfs", "fuse", "ncpfs", "orangefs")
# Of user space ("fuse.NAME"), where most know no locks and the kernel keeps them: those that are on
# one machine by nature, and those that hand locks on.
LOCAL = (
    *("bindfs", "cryfs", "encfs", "exfat", "fuse-overlayfs", "gocryptfs", "mergerfs", "ntfs-3g"),
    "unionfs-fuse",
)
HANDED_ON = ("ceph-fuse", "glusterfs", "juicefs", "mfs")


def why_locks_stay_here(folder: Path, mounts: str | None = None) -> str | None:
    """What `folder` lies on, if a lock there holds on this machine alone and others may see it.

    Args:
        folder: must exist.
        mounts: the table of what is mounted, as Linux writes it; the system's own if left out.

    Returns:
        The file system with what is wrong with it, or None: locks hold for all who see the folder,
        or the system has no such table.
    """
    if mounts is None:
        try:
            mounts = MOUNTS.read_text(errors="surrogateescape")
        except OSError:
            return None
    kind, options = _file_system(folder.resolve(), mounts)
    name = kind.removeprefix("fuse.")
    if kind in KEPT_ALWAYS or (name != kind and name not in (*LOCAL, *HANDED_ON)):
        return kind
    wrong = [option for option in options if option in KEPT_BY_OPTION.get(kind, ())]
    return f"{kind} mounted with {wrong[0]}" if wrong else None


def _file_system(folder: Path, mounts: str) -> tuple[str, list[str]]:
    """Kind and options of what is mounted where `folder` lies: of several, what covers the rest."""
    found, depth = ("", list[str]()), 0
    for line in mounts.splitlines():
        front, _, back = line.partition(" - ")
        fields, (kind, _, options) = front.split(" "), back.split(" ", 2)
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[4]))
        if folder.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = (kind, [*fields[5].split(","), *options.split(",")]), len(point.parts)
    return found
