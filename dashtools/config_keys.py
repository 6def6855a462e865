"""Every key of the configuration: its default, what it may hold, and which key you probably meant."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashtools.model import TASK_TYPES, Json

DEFAULT_GLOBAL: Json = {
    "task_retry_delay_seconds": 300,
    "max_concurrent_tasks_per_device": None,  # one per core
    "max_failures": 8,
    "lease_seconds": 180,
    "stage_timeout_seconds": 7200,
    "finalize": True,
    "storage_retention_days": {"raw_videos": 90, "preproc_data": 30, "heavy_output": 7},
    "retention_auto_apply": False,
    "cleanup_free_percent": 5,  # of a disk that asked for room
    "notifications": {
        "match": "look_alikes",
        "min_confidence": 0,
        "past_days": 0,
        "link_base": None,
        "with_crop": True,
    },
    "map": {"tile_url": None, "credit": None},
    "privacy": {"unlisted_plates": "keep", "after_days": 30, "home_zones": {}},
}
DEFAULT_PROCESSING: Json = {
    "frame_extraction_resolution": "640x480",
    "motion_threshold": 0.15,
    "min_plate_confidence": 0.6,
    "sample_fps": 5,
    "min_score": 0.25,
    "proposal_min_score": 0.1,
    "max_frames_per_batch": 16,
    "gps_alignment_tolerance_ms": 200,
    "gps_offset_ms": 0,
    "max_interp_gap_s": 3,
    "archive_height": 720,
    "archive_codec": "h264",
    "archive_encoder": "auto",
    "thumbnail_width": 320,
    "audit_share": 0.01,
    "detector": "platedet",
    "reader": "ppocrv6",
    "proposer": "platedet",
    "yolo_model_path": None,
    "ocr_model_path": None,
    "crops_per_track": 12,
    "vram_limit_gb": None,  # no limit
    "clip_name_pattern": None,
}
STAGE_TYPES = TASK_TYPES[:5]
DEFAULT_PROFILES: Json = {
    "default": {},
    "high-quality": {"processing": {"sample_fps": 10, "crops_per_track": 24, "audit_share": 0.05}},
    "fast": {"processing": {"sample_fps": 3, "crops_per_track": 6, "archive_height": 540}},
    "all_in_one": {"task_types": list(STAGE_TYPES)},
}
ELIGIBLE: Mapping[str, tuple[str, ...]] = {
    # the blueprint's section 4.4; FINALIZE_VIDEO and CLEANUP_STORAGE are beside whoever archives
    "dashcam": (),
    "indoor_nas": ("INGEST_VIDEO",),
    "jetson_coral": ("PREPROCESS_VIDEO",),
    "main_server": ("INGEST_VIDEO", "ARCHIVE_VIDEO", "FINALIZE_VIDEO"),
    "rtx_4090": ("HEAVY_PROCESS_VIDEO",),
    "shed_nas": ("ARCHIVE_VIDEO", "FINALIZE_VIDEO"),
    "all_in_one": STAGE_TYPES,
}
DEFAULT_STORAGE_PATHS: Json = {
    "indoor_nas": {"raw": "raw/", "ingest": "ingest/", "preproc": "preproc/", "heavy_output": "heavy_output/"},
    "shed_nas": {"archive": "archive/", "final": "final/"},
}


@dataclass(frozen=True)
class Leaf:
    """What a value may be: a JSON type, bounds for numbers, choices or a pattern for text."""

    type: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    pattern: str = ""
    nullable: bool = False


_SECONDS = Leaf("number", 0, 10 * 365 * 86400)
_DAYS = Leaf("number", 0, 36500, nullable=True)
_SHARE = Leaf("number", 0, 1)
_TEXT = Leaf("text")
_FREE = Leaf("object")
_FLAG = Leaf("flag")
_TYPES = Leaf("texts", choices=TASK_TYPES)
_FOLDER = Leaf("text", pattern=r"(?!/)(?!.*(^|/)\.\.(/|$)).+")
_HOURS = r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d"
_MODEL = Leaf("text", pattern=r".*(?<!\.pt)(?<!\.pth)", nullable=True)

GLOBAL_SHAPE: Json = {
    "task_retry_delay_seconds": _SECONDS,
    "max_concurrent_tasks_per_device": Leaf("integer", 1, 1024, nullable=True),
    "max_failures": Leaf("integer", 1, 1000),
    "lease_seconds": Leaf("number", 1, 86400),
    "stage_timeout_seconds": Leaf("number", 1, 30 * 86400),
    "finalize": _FLAG,
    "storage_retention_days": {"raw_videos": _DAYS, "preproc_data": _DAYS, "heavy_output": _DAYS},
    "retention_auto_apply": _FLAG,
    "cleanup_free_percent": Leaf("number", 0.1, 50),
    "notifications": {
        "match": Leaf("text", choices=("exact", "look_alikes", "near")),
        "min_confidence": _SHARE,
        "past_days": Leaf("number", 0, 36500),
        "link_base": Leaf("text", pattern=r"https?://\S+", nullable=True),
        "with_crop": _FLAG,
    },
    "map": {
        "tile_url": Leaf("text", pattern=r"https?://[^\s;,'\"/]+/[^\s;,'\"]*", nullable=True),
        "credit": Leaf("text", nullable=True),
    },
    "privacy": {
        "unlisted_plates": Leaf("text", choices=("keep", "hash", "delete")),
        "after_days": Leaf("number", 1, 36500),
        "home_zones": {
            "*": {
                "latitude": Leaf("number", -90, 90),
                "longitude": Leaf("number", -180, 180),
                "radius_m": Leaf("number", 1, 100_000),
            }
        },
    },
}
PROCESSING_SHAPE: Json = {
    "frame_extraction_resolution": Leaf("text", pattern=r"[1-9]\d{1,4}x[1-9]\d{1,4}"),
    "motion_threshold": _SHARE,
    "min_plate_confidence": _SHARE,
    "sample_fps": Leaf("number", 0.01, 1000),
    "min_score": _SHARE,
    "proposal_min_score": _SHARE,
    "max_frames_per_batch": Leaf("integer", 1, 4096),
    "gps_alignment_tolerance_ms": Leaf("number", 0, 60_000),
    "gps_offset_ms": Leaf("integer", -3_600_000, 3_600_000),
    "max_interp_gap_s": Leaf("number", 0, 3600),
    "archive_height": Leaf("integer", 64, 4320),
    "archive_codec": Leaf("text", choices=("h264", "hevc")),
    "archive_encoder": Leaf("text", choices=("auto", "software")),
    "thumbnail_width": Leaf("integer", 16, 3840),
    "audit_share": _SHARE,
    "detector": _TEXT,
    "reader": _TEXT,
    "proposer": Leaf("text", nullable=True),
    "yolo_model_path": _MODEL,
    "ocr_model_path": _MODEL,
    "crops_per_track": Leaf("integer", 1, 1000),
    "vram_limit_gb": Leaf("number", 0.25, 1024, nullable=True),
    "clip_name_pattern": Leaf("text", nullable=True),
}
SHARED_SHAPE: Json = {
    "global": GLOBAL_SHAPE,
    "profiles": {"*": {"task_types": _TYPES, "processing": PROCESSING_SHAPE}},
    "devices": {
        "*": {
            "hostname": _TEXT,
            "device_type": Leaf("text", choices=tuple(ELIGIBLE)),
            "profile": _TEXT,
            "task_types": _TYPES,
            "capabilities": _FREE,
            "quiet_hours": Leaf("text", pattern=_HOURS, nullable=True),
            "yields_gpu": _FLAG,
            "processing": PROCESSING_SHAPE,
        }
    },
    "storage_paths": {
        "*": {
            "base": _TEXT,
            "archive_base": _TEXT,
            "raw": _FOLDER,
            "ingest": _FOLDER,
            "preproc": _FOLDER,
            "heavy_output": _FOLDER,
            "archive": _FOLDER,
            "final": _FOLDER,
        }
    },
}
HOST_SHAPE: Json = {
    **SHARED_SHAPE,
    "host": {
        "device_id": Leaf("text", pattern=r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"),
        "profile": _TEXT,
        "spool": _TEXT,
        "state_dir": _TEXT,
        "models_dir": _TEXT,
        "storages": {"*": Leaf("storage")},
        "notifications": {
            "webhook_url": Leaf("text", pattern=r"https?://\S+", nullable=True),
            "mqtt_url": Leaf("text", pattern=r"mqtts?://\S+", nullable=True),
            "mqtt_topic": Leaf("text", pattern=r"[A-Za-z0-9_/-]{1,64}"),
            "mqtt_discovery_prefix": Leaf("text", pattern=r"[A-Za-z0-9_/-]{1,64}", nullable=True),
        },
    },
}


def nearest(name: str, known: list[str]) -> str:
    """A hint such as '; did you mean "profiles"?', or the list of what there is.

    >>> nearest("profile", ["profiles", "global"])
    '; did you mean "profiles"?'
    """
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f'; did you mean "{close[0]}"?' if close else f"; known here: {', '.join(sorted(known))}"


def problems(value: Any, shape: Any = None, where: str = "") -> list[str]:
    """One sentence for each thing that is wrong with a document, each naming its key path.

    >>> problems({"globl": {}})
    ['globl: unknown key; did you mean "global"?']
    """
    shape = SHARED_SHAPE if shape is None else shape
    if isinstance(shape, Leaf):
        reason = _leaf_problem(value, shape)
        return [f"{where}: {reason}"] if reason else []
    if not isinstance(value, dict):
        return [f"{where or 'the document'}: must be an object, not {_type_name(value)}"]
    found: list[str] = []
    for key, inner in value.items():
        path = f"{where}.{key}" if where else str(key)
        if key in shape or "*" in shape:
            found += problems(inner, shape.get(key, shape.get("*")), path)
        else:
            found.append(f"{path}: unknown key{nearest(str(key), list(shape))}")
    return found


def _type_name(value: Any) -> str:
    names = {"NoneType": "null", "bool": "a flag", "int": "a number", "float": "a number", "str": "text"}
    return names.get(type(value).__name__, "an array" if isinstance(value, list) else "an object")


def _leaf_problem(value: Any, leaf: Leaf) -> str | None:
    """What is wrong with one value, or None."""
    if value is None:
        return None if leaf.nullable else "must not be null"
    if leaf.type in ("number", "integer"):
        return _number_problem(value, leaf)
    if leaf.type == "texts":
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return "must be an array of texts"
        wrong = [item for item in value if item not in leaf.choices]
        return f"unknown {wrong[0]!r}{nearest(wrong[0], list(leaf.choices))}" if wrong else None
    if leaf.type == "storage":
        return _storage_problem(value)
    expected = {"text": str, "flag": bool, "object": dict}[leaf.type]
    if not isinstance(value, expected):
        return f"must be {'a flag (true or false)' if leaf.type == 'flag' else leaf.type}, not {_type_name(value)}"
    return _text_problem(value, leaf) if isinstance(value, str) else None


def _text_problem(value: str, leaf: Leaf) -> str | None:
    if not value:
        return "must not be empty"
    if leaf.choices and value not in leaf.choices:
        return f"unknown {value!r}{nearest(value, list(leaf.choices))}"
    if leaf.pattern and not re.fullmatch(leaf.pattern, value):
        if leaf is _MODEL:
            return f"{value!r} needs PyTorch; export it with: yolo export model={value} format=onnx"
        if leaf is _FOLDER:
            return f"{value!r} must be a folder inside the storage (relative, without ..)"
        return f"{value!r} is not of the form {leaf.pattern}"
    return None


def _number_problem(value: Any, leaf: Leaf) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"must be a number, not {_type_name(value)}"
    if leaf.type == "integer" and not isinstance(value, int):
        return f"must be a whole number, not {value}"
    if not leaf.low <= value <= leaf.high:
        return f"{value} is outside {leaf.low:g} to {leaf.high:g}"
    return None


def _storage_problem(value: Any) -> str | None:
    """A storage of a host is a path, or {"path": ..., "read_only": true}."""
    entry = {"path": value} if isinstance(value, str) else value
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        return 'must be a path, or {"path": PATH, "read_only": true}'
    if set(entry) - {"path", "read_only"}:
        return f"unknown key {sorted(set(entry) - {'path', 'read_only'})[0]!r}; known here: path, read_only"
    if not isinstance(entry.get("read_only", False), bool):
        return "read_only must be true or false"
    return None if entry["path"].startswith("/") else f"{entry['path']!r} must be an absolute path on this host"
