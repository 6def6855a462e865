"""dc-export evidence: a folder that proves itself on a machine without dashtools, and names any changed file."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from dashtools.backends.decode import PyavDecoder
from dashtools.commands._run import status_of
from dashtools.commands.export import command
from dashtools.devices.pins import write_tombstone
from dashtools.devices.storages import create_storage
from dashtools.model import ChildTask, FileRef, Task, with_changes
from dashtools.spool.queue import Spool

VIDEO = "clip-0a1b2c3d"
SIGHTING = f"{VIDEO}.t000"


class Case:
    """A spool with one clip that went through ingest, heavy and archive."""

    def __init__(self, root, clip):
        self.root = root
        self.clip = root / "indoor_nas/raw/clip.mp4"
        self.clip.parent.mkdir(parents=True)
        (root / "shed_nas").mkdir()
        shutil.copyfile(clip, self.clip)
        for name in ("indoor_nas", "shed_nas"):
            create_storage(root / name, name)
        storages = {name: str(root / name) for name in ("indoor_nas", "shed_nas")}
        self.host_file = root / "host.json"
        self.host_file.write_bytes(orjson.dumps({"host": {"device_id": "one", "storages": storages}}))
        Spool.create(root / "spool")
        self.spool = Spool.open(root / "spool")
        self.sha256 = hashlib.sha256(self.clip.read_bytes()).hexdigest()
        video = FileRef("indoor_nas", "raw/clip.mp4", "video", False, self.sha256, self.clip.stat().st_size)
        self.spool.publish(Task("root", "INGEST_VIDEO", VIDEO, inputs=(video,), metadata={"clip": "<b>.mp4"}))
        ingest = json.dumps({"sha256": self.sha256}).encode()
        facts = {
            "clip": "<b>.mp4",
            "storage": "indoor_nas",
            "path": "raw/clip.mp4",
            "recorded_at": "2024-01-15T14:25:00Z",
        }
        rows = [{"table": "videos", "video_id": VIDEO, "utc_offset_min": 60, **facts}]
        rows += [{"table": "fixes", "video_id": VIDEO, "slot": n, "t_ms": 1000 * n, "is_valid": True} for n in range(3)]
        rows[1] |= {"latitude": 52.0, "longitude": 20.0}
        self.step("INGEST_VIDEO", "indoor_nas", {"ingest.json": ("ingest", ingest)}, rows, "HEAVY_PROCESS_VIDEO")
        span = {"first_pts_ms": 800, "last_pts_ms": 1600}
        sighting = {
            "table": "sightings",
            "sighting_id": SIGHTING,
            "video_id": VIDEO,
            "clip": "<b>.mp4",
            "plate": "AB12CDE",
        }
        read = {"table": "reads", "track_id": SIGHTING, "sighting_id": SIGHTING, "frame_index": 8, "pts_ms": 800}
        box = {"x1": 1, "y1": 2, "x2": 3, "y2": 4, "score": 0.5, "text": "AB12CDE", "confidence": 0.9}
        heavy = {
            "detections.json": ("detections", b"{}"),
            f"plate_crops/{SIGHTING}.png": ("plate_crop", b"png"),
            f"plate_crops/{VIDEO}.t001.png": ("plate_crop", b"another"),
        }
        self.step("HEAVY_PROCESS_VIDEO", "indoor_nas", heavy, [{**sighting, **span}, {**read, **box}], "ARCHIVE_VIDEO")
        chain = {"ingest": hashlib.sha256(ingest).hexdigest(), "detections": hashlib.sha256(b"{}").hexdigest()}
        manifest = json.dumps({"original": {"sha256": self.sha256}, "chain": chain}).encode()
        archive = {"manifest.json": ("manifest", manifest), "video_lowres.mp4": ("video_lowres", b"small")}
        self.step("ARCHIVE_VIDEO", "shed_nas", archive, [], None)

    def step(self, task_type, storage, files, rows, following):
        claim = self.spool.claim(self.spool.scanner([task_type], {}))
        outputs = []
        for name, (kind, content) in files.items():
            path = f"{task_type.lower()}/{name}"
            (self.root / storage / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / storage / path).write_bytes(content)
            outputs.append(FileRef(storage, path, kind, False, hashlib.sha256(content).hexdigest(), len(content)))
        final = with_changes(claim.task, state="complete", completed_at="2024-01-16T00:00:00Z", outputs=tuple(outputs))
        children = [ChildTask(following, inputs=claim.task.inputs)] if following else []
        self.spool.commit(claim, final, children=children, rows=b"".join(orjson.dumps(r) + b"\n" for r in rows))

    def export(self, name, *words):
        shared = ["--spool", str(self.spool.root), "--config", str(self.host_file)]
        return status_of(command, "dc-export", ["evidence", SIGHTING, "-o", str(self.root / name), *words, *shared])


@pytest.fixture
def case(tmp_path, tiny_drive, monkeypatch):
    monkeypatch.setenv("DASHTOOLS_DATA", str(tmp_path / "kept"))
    return Case(tmp_path, tiny_drive[0])


def verify(folder, *words):
    """verify.py as somebody without dashtools runs it."""
    argv = [sys.executable, "-I", "-S", str(folder / "verify.py"), *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd="/")
    return done.returncode, done.stdout.splitlines()


def in_process(folder):
    """The same check without starting a program for each question."""
    names = {}
    text = (Path(__file__).parent.parent.parent / "dashtools/data/evidence_verify.py.txt").read_text()
    exec(compile(text, "verify.py", "exec"), names)
    return names["problems"](str(folder))


def test_a_bundle_verifies_without_dashtools_and_its_seal_is_printed(case, capsys):
    assert case.export("proof") == 0
    seal = capsys.readouterr().out.split()[-1]
    assert verify(case.root / "proof", "--seal", seal) == (0, [f"all files are as they were exported; seal {seal}"])
    assert verify(case.root / "proof", "--seal", "0" * 64)[0] == 1


def test_it_holds_reads_crops_records_places_and_a_page_without_anything_from_elsewhere(case):
    case.export("proof")
    folder = case.root / "proof"
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    kinds = sorted(entry["type"] for entry in manifest["files"])
    assert kinds == sorted(
        ["record"] * 3 + ["segment", "ingest", "detections", "plate_crop", "manifest", "fixes", "gpx"]
        + ["sighting", "program", "page"]
    )  # fmt: skip
    assert manifest["original"]["sha256"] == case.sha256
    told = json.loads((folder / "sighting.json").read_text())
    assert told["seen_at_local"] == "2024-01-15T15:25:00.800+01:00" and len(told["reads"]) == 1
    text = (folder / "index.html").read_text()
    assert "AB12CDE" in text and "<b>" not in text and not re.search(r"(https?:)?//", text)
    assert all((folder / path).is_file() for path in re.findall(r'src="([^"]+)"', text))


def test_one_flipped_bit_in_any_file_is_found_and_named(case):
    case.export("proof", "--whole")
    folder = case.root / "proof"
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert len(paths) > 12
    for path in paths:
        whole = path.read_bytes()
        for at in {0, len(whole) // 2, len(whole) - 1}:
            changed = bytearray(whole)
            changed[at] ^= 1 << at % 8
            path.write_bytes(changed)
            assert in_process(folder) == [f"changed: {path.relative_to(folder)}"], at
        path.write_bytes(whole)
    assert in_process(folder) == []


def test_every_flipped_bit_of_the_manifest_is_found(case):
    case.export("proof")
    path = case.root / "proof/MANIFEST.json"
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        assert in_process(path.parent) == ["changed: MANIFEST.json"], at


def test_missing_and_added_files_are_named(case):
    case.export("proof")
    folder = case.root / "proof"
    (folder / "sighting.json").rename(folder / "other.json")
    assert verify(folder) == (1, ["missing: sighting.json", "added: other.json"])


def test_a_forged_record_breaks_the_chain_even_under_a_new_manifest(case):
    case.export("proof")
    folder = case.root / "proof"
    names = {}
    exec((folder / "verify.py").read_text(), names)
    path = next(folder.glob("records/*HEAVY*"))
    path.write_text(path.read_text().replace(hashlib.sha256(b"{}").hexdigest(), "0" * 64))
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    entry = next(entry for entry in manifest["files"] if entry["path"] == str(path.relative_to(folder)))
    entry |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "size_bytes": path.stat().st_size}
    (folder / "MANIFEST.json").write_text(names["manifest_text"](manifest))
    assert in_process(folder) == [
        f"files/2_HEAVY_PROCESS_VIDEO/detections.json is not the file that {entry['path']} names"
    ]


def test_the_segment_is_the_originals_own_pictures(case):
    case.export("proof", "--pad", "0.2")
    segment = next((case.root / "proof/segment").iterdir())
    pictures = [{frame.bgr().tobytes() for frame in PyavDecoder().frames(path)} for path in (segment, case.clip)]
    assert pictures[0] and pictures[0] <= pictures[1]


def test_an_original_with_other_bytes_is_no_evidence(case):
    content = bytearray(case.clip.read_bytes())
    content[100] ^= 1
    case.clip.write_bytes(content)
    assert case.export("proof") == 65
    assert not (case.root / "proof").exists() and not list(case.root.glob(".*.part"))


def test_a_removed_original_is_told_with_its_day_and_the_small_copy_stands_in(case):
    case.clip.unlink()
    stone = {"storage": "indoor_nas", "path": "raw/clip.mp4", "removed_at": "2026-01-01T00:00:00Z", "reason": "old"}
    write_tombstone(case.spool, "ab", stone)
    assert case.export("proof") == 0
    manifest = json.loads((case.root / "proof/MANIFEST.json").read_text())
    assert manifest["original"]["note"] == "original removed on 2026-01-01T00:00:00Z: old"
    assert "video_lowres" in {entry["type"] for entry in manifest["files"]}
    assert verify(case.root / "proof")[0] == 0


def test_evidence_is_never_written_over(case):
    assert (case.export("proof"), case.export("proof")) == (0, 65)
