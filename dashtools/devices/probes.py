"""What this machine is, measured: processors, memory, disks, graphics, accelerators, temperature, network.

Everything is read below one root, so that tests can lay out another machine. What a machine lacks is None.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dashtools.model import Json

_CORAL_USB = {("1a6e", "089a"), ("18d1", "9302")}  # before and after its firmware is loaded (coral.ai, USB set-up)
_CORAL_TOPS = 4
_ARCHITECTURES = {"aarch64": "arm64", "AMD64": "x86_64"}
_NVIDIA_SMI = ("nvidia-smi", "--query-gpu=name,memory.total,temperature.gpu", "--format=csv,noheader,nounits")

_NVIDIA_USERS = ("nvidia-smi", "--query-compute-apps=pid", "--format=csv,noheader")


@dataclass(frozen=True)
class Machine:
    """The machine whose files lie under `root`."""

    root: Path = Path("/")

    def cpu_cores(self) -> int:
        """Cores that this process may use."""
        return len(os.sched_getaffinity(0))

    def cpu_arch(self) -> str:
        """x86_64, arm64, ..."""
        return _ARCHITECTURES.get(platform.machine(), platform.machine())

    def memory_gb(self) -> float | None:
        """Memory of the machine in GiB."""
        for line in self._text("proc/meminfo").splitlines():
            if line.startswith("MemTotal:"):
                return round(int(line.split()[1]) / 1024**2, 1)
        return None

    def gpu(self) -> Json | None:
        """Vendor, model, memory and temperature of the first NVIDIA card or the Jetson's own; None without."""
        board = self._text("proc/device-tree/model").strip("\0 \n")
        if "Jetson" in board:
            return {"vendor": "nvidia", "model": board, "vram_gb": None, "temperature_c": self.temperature_c()}
        asked = self._nvidia_smi()
        if asked is None and (self.root / "dev/nvidia0").exists():
            return {"vendor": "nvidia", "model": None, "vram_gb": None, "temperature_c": None}
        return asked

    def _nvidia_smi(self) -> Json | None:
        said = self._asked(_NVIDIA_SMI)
        return None if said is None else parse_nvidia_smi(said)

    def _asked(self, argv: tuple[str, ...]) -> str | None:
        program = shutil.which(argv[0])
        if program is None or self.root != Path("/"):
            return None
        try:
            said = subprocess.run([program, *argv[1:]], capture_output=True, text=True, timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            return None  # a hung driver is no card for us
        return said.stdout if said.returncode == 0 else None

    def gpu_users(self) -> list[int]:
        """Processes that compute on an NVIDIA card; nobody where its driver does not say."""
        said = self._asked(_NVIDIA_USERS)
        return [] if said is None else [int(line) for line in said.splitlines() if line.strip().isdigit()]

    def is_ours(self, pid: int) -> bool:
        """Does a process run one of our commands? One that ended meanwhile wants nothing, as ours do."""
        words = self._text(f"proc/{pid}/cmdline").split("\0")
        return words == [""] or any(word.rpartition("/")[2].startswith("dc-") for word in words[:3])

    def coral_count(self) -> int:
        """Coral TPUs on USB and PCIe."""
        found = sum(1 for _ in (self.root / "dev").glob("apex_[0-9]*"))
        for vendor in (self.root / "sys/bus/usb/devices").glob("*/idVendor"):
            ids = (
                vendor.read_text().strip(),
                self._text(str(vendor.parent.relative_to(self.root) / "idProduct")).strip(),
            )
            found += ids in _CORAL_USB
        return found

    def accelerators(self) -> list[Json]:
        """Coral TPUs, as the blueprint's section 8.3 writes them."""
        return [{"type": "coral_tpu", "tops": _CORAL_TOPS, "connected": True} for _ in range(self.coral_count())]

    def temperature_c(self) -> float | None:
        """The hottest thermal zone."""
        zones = [
            self._text(str(p.relative_to(self.root))) for p in self.root.glob("sys/class/thermal/thermal_zone*/temp")
        ]
        readings = [int(text) / 1000 for text in zones if text.strip().lstrip("-").isdigit()]
        return max(readings) if readings else None

    def network(self) -> Json | None:
        """The interface of the default route and its speed."""
        for line in self._text("proc/net/route").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 2 and fields[1] == "00000000":
                speed = self._text(f"sys/class/net/{fields[0]}/speed").strip()
                return {"interface": fields[0], "speed_mbps": int(speed) if speed.isdigit() else None}
        return None

    def _text(self, path: str) -> str:
        try:
            return (self.root / path).read_text(errors="replace")
        except OSError:
            return ""


def parse_nvidia_smi(text: str) -> Json | None:
    """The first card of nvidia-smi's answer.

    >>> parse_nvidia_smi("NVIDIA GeForce RTX 4090, 24564, 41")
    {'vendor': 'nvidia', 'model': 'NVIDIA GeForce RTX 4090', 'vram_gb': 24.0, 'temperature_c': 41.0}
    """
    lines = [line for line in text.splitlines() if line.count(",") >= 2]
    if not lines:
        return None
    model, memory_mib, temperature = (part.strip() for part in lines[0].rsplit(",", 2))
    return {
        "vendor": "nvidia",
        "model": model,
        "vram_gb": round(float(memory_mib) / 1024, 1) if memory_mib.isdigit() else None,
        "temperature_c": float(temperature) if temperature.isdigit() else None,
    }


def disk_gb(path: Path) -> Json | None:
    """Total and available room of the filesystem that holds a path, in GiB; None when it is not there."""
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return None
    return {"total": round(usage.total / 1024**3, 1), "available": round(usage.free / 1024**3, 1)}
