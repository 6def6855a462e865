"""The systemd units of a role, with this host's commands, folders, mounts and user in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dashtools.config import Config
from dashtools.config_keys import nearest
from dashtools.errors import BadConfig, BadInput, Usage

_TEMPLATES = Path(__file__).resolve().parent.parent / "data" / "systemd"
TARGET = "dashtools.target"
_TIDY = ("dc-reap.timer",)
ROLES: dict[str, tuple[str, ...]] = {
    "all_in_one": ("dc-ingest.timer", "dc-run.service", "dc-index.timer", "dc-web.service", "dc-retain.timer", *_TIDY),
    "indoor_nas": ("dc-ingest.timer", "dc-ingest.path", *_TIDY),
    "jetson_coral": ("dc-preproc.service",),
    "rtx_4090": ("dc-heavy.service",),
    "shed_nas": ("dc-archive.service", "dc-finalize.service"),
    "main_server": (
        "dc-ingest.timer", "dc-index.timer", "dc-retain.timer", "dc-notify.timer", "dc-web.service", *_TIDY,
    ),
}  # fmt: skip
"""What each role enables; a timer or path brings its service."""


@dataclass(frozen=True)
class Host:
    """What units of this host name."""

    commands: Path
    """The folder of the dc-* commands."""
    user: str


def units(role: str, config: Config, host: Host) -> dict[str, str]:
    """File names and texts of a role's units; Usage for a role that there is not."""
    if role not in ROLES:
        raise Usage(f"no role is called {role!r}{nearest(role, list(ROLES))}")
    names = {TARGET, *ROLES[role]}
    names |= {f"{Path(name).stem}.service" for name in names if name.endswith((".timer", ".path"))}
    return {name: _filled((_TEMPLATES / name).read_text(), config, host) for name in sorted(names)}


def enabled(role: str) -> tuple[str, ...]:
    """What systemctl is to enable for a role."""
    return (TARGET, *ROLES[role])


def _filled(text: str, config: Config, host: Host) -> str:
    written = [config.spool, config.state_dir.parent]
    written += [s.root for s in config.storages.values() if s.root is not None and not s.is_read_only]
    needed = sorted({str(root) for root in (config.spool, *(s.root for s in config.storages.values())) if root})
    raw = config.storage("indoor_nas")
    watched = None if raw.root is None else raw.root / raw.kinds.get("raw", "raw")
    for line in [*map(str, written), *needed, str(host.commands)]:
        _refuse_odd(line)
    text = text.replace("/usr/local/bin", str(host.commands))
    text = re.sub(r"^(User|Group)=dashtools$", rf"\1={host.user}", text, flags=re.M)
    text = text.replace("ReadWritePaths=-/srv/dashtools", f"ReadWritePaths={' '.join(_least(written))}")
    text = text.replace(
        "Environment=DASHTOOLS_DATA=/var/lib/dashtools",
        f"Environment=DASHTOOLS_DATA={config.state_dir.parent} DASHTOOLS_SPOOL={config.spool}",
    )
    if "[Service]" in text:
        mounts = f"RequiresMountsFor={' '.join(needed)}"
        text = re.sub(r"^(After=remote-fs\.target.*)$", rf"\1\n{mounts}", text, flags=re.M)
    if "PathChanged=" in text:
        if watched is None:
            raise BadConfig("this host does not map the storage indoor_nas, so that no folder can be watched")
        text = re.sub(r"^PathChanged=.*$", f"PathChanged={watched}", text, flags=re.M)
    return text


def _least(folders: list[Path]) -> list[str]:
    """The folders, with a dash (it may be away) and without those that lie in another of them."""
    outer = sorted(set(folders))
    kept = [f for f in outer if not any(f != other and f.is_relative_to(other) for other in outer)]
    return [f"-{folder}" for folder in kept]


def _refuse_odd(path: str) -> None:
    """BadInput for what systemd would read as something else."""
    if re.search(r"[\s%\"'\\]", path):
        raise BadInput(f"{path!r} has letters that a unit cannot name; choose folders without blanks, quotes, % and \\")
