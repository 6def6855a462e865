"""Runs a shell job on two mounts of a real network file system inside a User-Mode-Linux guest.

    python tests/netfs/guest.py nfs42 'dc-bench soak --kills 100 --mounts /mnt/a /mnt/b'

The guest is an ordinary process: the kernel's own NFS and CIFS, over its own loopback, without a network card.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
INIT = Path(__file__).with_name("guest.sh")
NEEDED = {"nfs3": ("rpc.nfsd", "rpcbind"), "nfs42": ("rpc.nfsd", "rpcbind"), "cifs": ("smbd", "mount.cifs")}
BOTH = ("linux.uml", "mkfs.ext4", "modprobe")
MODULES = Path("/usr/lib/uml/modules")
DISK_BYTES = 2 << 30


@dataclass(frozen=True)
class Ended:
    """How a job ended; `console` is what the guest said."""

    status: int | None
    log: str
    console: str


def missing(netfs: str) -> str:
    """Why there can be no guest here; empty when there can."""
    where = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    absent = [name for name in (*BOTH, *NEEDED[netfs]) if shutil.which(name, path=where) is None]
    if absent:
        packages = "user-mode-linux nfs-kernel-server samba cifs-utils e2fsprogs kmod"
        return f"{', '.join(absent)} not installed (apt: {packages})"
    if not MODULES.is_dir():
        return f"{MODULES} is not there"
    return "" if os.geteuid() == 0 else "the guest's root must own the served files: needs root"


def run(netfs: str, job: str, *, timeout_s: float) -> Ended:
    """The end of a job whose mounts are /mnt/a and /mnt/b; `dc-NAME` runs this checkout."""
    with tempfile.TemporaryDirectory(prefix="netfs-", dir="/var/tmp") as scratch:
        out = Path(scratch)
        (out / "modules" / "lib").mkdir(parents=True)
        (out / "modules" / "lib" / "modules").symlink_to(MODULES)
        bins = f"{sys.executable} {ROOT}/bin/"
        (out / "job.sh").write_text(f"cd {ROOT}\n" + job.replace("dc-", f"{bins}dc-") + "\n")
        with open(out / "disk", "wb") as disk:
            disk.truncate(DISK_BYTES)
        subprocess.run(["mkfs.ext4", "-qF", str(out / "disk")], check=True, env=_environ())
        argv = ["linux.uml", "mem=1200M", f"ubda={out}/disk", "rootfstype=hostfs", "root=/dev/root", "rootflags=/"]
        argv += ["ro", "quiet", "con=null", "con0=null,fd:1", "ssl=null", "panic=1", f"init={INIT}"]
        argv += [f"NETFS={netfs}", f"OUT={out}"]
        guest = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=_environ(), start_new_session=True
        )
        try:
            console = guest.communicate(timeout=timeout_s)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            os.killpg(guest.pid, 9)
            console = guest.communicate()[0].decode(errors="replace") + f"\nended after {timeout_s} s"
        log, status = out / "job.log", out / "status"
        return Ended(
            int(status.read_text()) if status.exists() else None, log.read_text() if log.exists() else "", console
        )


def _environ() -> dict[str, str]:
    return {**os.environ, "TMPDIR": "/dev/shm", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}


if __name__ == "__main__":
    ended = run(sys.argv[1], sys.argv[2], timeout_s=float(os.environ.get("TIMEOUT_S", "600")))
    print(ended.console[-2000:], ended.log, sep="\n")
    sys.exit(ended.status if ended.status is not None else 70)
