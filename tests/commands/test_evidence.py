"""dc-export evidence: a folder that proves itself on a machine without dashtools, and names any changed file."""

import hashlib
import json
import random
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
BASE = f"clips/{VIDEO}"
OTHER = "next-11112222"


class Case:
    """A spool with a clip that went through ingest, heavy and archive."""

    def __init__(self, root, clip):
        self.root = root
        (root / "indoor_nas/raw").mkdir(parents=True)
        (root / "shed_nas").mkdir()
        for name in ("indoor_nas", "shed_nas"):
            create_storage(root / name, name)
        storages = {name: str(root / name) for name in ("indoor_nas", "shed_nas")}
        self.host_file = root / "host.json"
        self.host_file.write_bytes(orjson.dumps({"host": {"device_id": "one", "storages": storages}}))
        Spool.create(root / "spool")
        self.spool = Spool.open(root / "spool")
        self.clip = self.add(VIDEO, clip, "2024-01-15T14:25:00Z")
        self.sha256 = hashlib.sha256(self.clip.read_bytes()).hexdigest()

    def add(self, video_id, source, recorded_at):
        """A clip of three seconds with one sighting; gives where its original lies."""
        name, sighting_id = f"{video_id.partition('-')[0]}.mp4", f"{video_id}.t000"
        original = self.root / "indoor_nas/raw" / name
        shutil.copyfile(source, original)
        sha256 = hashlib.sha256(original.read_bytes()).hexdigest()
        video = FileRef("indoor_nas", f"raw/{name}", "video", False, sha256, original.stat().st_size)
        self.spool.publish(Task(f"root{video_id}", "INGEST_VIDEO", video_id, inputs=(video,), metadata={"clip": "<b>"}))
        ingest = json.dumps({"sha256": sha256}).encode()
        facts = {"clip": "<b>.mp4", "storage": "indoor_nas", "path": f"raw/{name}", "recorded_at": recorded_at}
        facts |= {"duration_ms": 3000, "camera": "cam"}
        rows = [{"table": "videos", "video_id": video_id, "utc_offset_min": 60, **facts}]
        rows += [
            {"table": "fixes", "video_id": video_id, "slot": n, "t_ms": 1000 * n, "is_valid": True} for n in range(3)
        ]
        rows[1] |= {"latitude": 52.0, "longitude": 20.0}
        self.step("INGEST_VIDEO", "indoor_nas", {"ingest.json": ("ingest", ingest)}, rows, "HEAVY_PROCESS_VIDEO")
        sighting = {"table": "sightings", "sighting_id": sighting_id, "video_id": video_id, "clip": "<b>.mp4"}
        sighting |= {"first_pts_ms": 800, "last_pts_ms": 1600, "plate": "AB12CDE"}
        read = {"table": "reads", "track_id": sighting_id, "sighting_id": sighting_id, "frame_index": 8, "pts_ms": 800}
        read |= {"x1": 1, "y1": 2, "x2": 3, "y2": 4, "score": 0.5, "text": "AB12CDE", "confidence": 0.9}
        heavy = {
            "detections.json": ("detections", b"{}"),
            f"plate_crops/{sighting_id}.png": ("plate_crop", b"png"),
            f"plate_crops/{video_id}.t001.png": ("plate_crop", b"another"),
        }
        self.step("HEAVY_PROCESS_VIDEO", "indoor_nas", heavy, [sighting, read], "ARCHIVE_VIDEO")
        chain = {"ingest": hashlib.sha256(ingest).hexdigest(), "detections": hashlib.sha256(b"{}").hexdigest()}
        manifest = json.dumps({"original": {"sha256": sha256}, "chain": chain}).encode()
        archive = {"manifest.json": ("manifest", manifest), "video_lowres.mp4": ("video_lowres", b"small")}
        self.step("ARCHIVE_VIDEO", "shed_nas", archive, [], None)
        return original

    def step(self, task_type, storage, files, rows, following):
        claim = self.spool.claim(self.spool.scanner([task_type], {}))
        outputs = []
        for name, (kind, content) in files.items():
            path = f"{task_type.lower()}/{claim.task.video_id}/{name}"
            (self.root / storage / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / storage / path).write_bytes(content)
            outputs.append(FileRef(storage, path, kind, False, hashlib.sha256(content).hexdigest(), len(content)))
        final = with_changes(claim.task, state="complete", completed_at="2024-01-16T00:00:00Z", outputs=tuple(outputs))
        children = [ChildTask(following, inputs=claim.task.inputs)] if following else []
        self.spool.commit(claim, final, children=children, rows=b"".join(orjson.dumps(r) + b"\n" for r in rows))

    def export(self, name, *words, what=(SIGHTING,)):
        shared = ["--spool", str(self.spool.root), "--config", str(self.host_file)]
        return status_of(command, "dc-export", ["evidence", *what, "-o", str(self.root / name), *words, *shared])


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
        + ["sightings", "program", "page"]
    )  # fmt: skip
    assert manifest["clips"][0]["original"]["sha256"] == case.sha256
    (told,) = json.loads((folder / BASE / "sightings.json").read_text())
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
    for at in range(0, len(whole), 29):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        assert in_process(path.parent) == ["changed: MANIFEST.json"], at


def test_missing_and_added_files_are_named(case):
    case.export("proof")
    folder = case.root / "proof"
    (folder / BASE / "sightings.json").rename(folder / "other.json")
    assert verify(folder) == (1, [f"missing: {BASE}/sightings.json", "added: other.json"])


def test_a_forged_record_breaks_the_chain_even_under_a_new_manifest(case):
    case.export("proof")
    folder = case.root / "proof"
    names = {}
    exec((folder / "verify.py").read_text(), names)
    path = next(folder.glob(f"{BASE}/records/*HEAVY*"))
    path.write_text(path.read_text().replace(hashlib.sha256(b"{}").hexdigest(), "0" * 64))
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    entry = next(entry for entry in manifest["files"] if entry["path"] == str(path.relative_to(folder)))
    entry |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "size_bytes": path.stat().st_size}
    (folder / "MANIFEST.json").write_text(names["manifest_text"](manifest))
    assert in_process(folder) == [
        f"{BASE}/files/2_HEAVY_PROCESS_VIDEO/detections.json is not the file that {entry['path']} names"
    ]


def test_the_segment_is_the_originals_own_pictures(case):
    case.export("proof", "--pad", "0.2")
    segment = next((case.root / "proof" / BASE / "segment").iterdir())
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
    assert manifest["clips"][0]["original"]["note"] == "original removed on 2026-01-01T00:00:00Z: old"
    assert "video_lowres" in {entry["type"] for entry in manifest["files"]}
    assert verify(case.root / "proof")[0] == 0


def test_evidence_is_never_written_over(case):
    assert (case.export("proof"), case.export("proof")) == (0, 65)


# -- spans ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def trip(case, tiny_drive):
    """The same with a second clip of the same trip, and one of another day."""
    case.add(OTHER, tiny_drive[1], "2024-01-15T14:25:03Z")
    case.add("later-33334444", tiny_drive[1], "2024-03-01T08:00:00Z")
    case.trip_id = "20240115T142500Z-" + hashlib.blake2b(b"cam", digest_size=4).hexdigest()
    return case


def manifest_of(case, name="proof"):
    return json.loads((case.root / name / "MANIFEST.json").read_text())


def test_a_trip_holds_its_clips_whole_and_no_other_and_verifies(trip):
    assert trip.export("proof", what=("--trip", trip.trip_id)) == 0
    manifest = manifest_of(trip)
    assert [clip["video_id"] for clip in manifest["clips"]] == [VIDEO, OTHER]
    for clip in manifest["clips"]:
        content = (trip.root / "proof" / clip["original"]["in_folder"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == clip["original"]["sha256"]
    text = (trip.root / "proof/index.html").read_text()
    assert text.count("<h3>AB12CDE</h3>") == 2
    assert verify(trip.root / "proof")[0] == 0


def test_a_time_range_cuts_the_clips_at_its_ends_and_names_what_is_seen_in_it(trip):
    words = ("--since", "2024-01-15T14:25:02Z", "--until", "2024-01-15T15:25:04.5+01:00")
    assert trip.export("proof", what=words) == 0
    clips = manifest_of(trip)["clips"]
    assert [(clip["video_id"], clip["original"]["span_ms"]) for clip in clips] == [
        (VIDEO, [2000, 3000]),
        (OTHER, [0, 1500]),
    ]
    told = [json.loads((trip.root / "proof/clips" / v / "sightings.json").read_text()) for v in (VIDEO, OTHER)]
    assert [len(sightings) for sightings in told] == [0, 1]
    assert all("/segment/" in clip["original"]["in_folder"] for clip in clips)
    assert verify(trip.root / "proof")[0] == 0


@pytest.mark.parametrize(
    "what,status",
    [
        ((SIGHTING, "--trip", "x"), 64),
        ((), 64),
        (("--trip", "no-such-trip"), 65),
        (("--since", "2030-01-01"), 65),
        (("--since", "yesterday"), 64),
    ],
    ids=["both", "neither", "unknown_trip", "nothing_there", "no_time"],
)
def test_a_span_that_means_nothing_is_refused_and_leaves_nothing(trip, what, status):
    assert trip.export("proof", what=what) == status
    assert not (trip.root / "proof").exists() and not list(trip.root.glob(".*.part"))


def test_a_bit_flipped_anywhere_at_random_is_found_and_the_file_is_named(trip):
    trip.export("proof", what=("--trip", trip.trip_id))
    folder, draw = trip.root / "proof", random.Random(5)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(paths) > 24
    for path in paths:
        whole = path.read_bytes()
        for _ in range(3):
            changed, at = bytearray(whole), draw.randrange(8 * len(whole))
            changed[at // 8] ^= 1 << at % 8
            path.write_bytes(changed)
            assert in_process(folder) == [f"changed: {path.relative_to(folder)}"], at
        path.write_bytes(whole)
    assert in_process(folder) == []


def test_packed_records_are_put_in_as_they_were(trip):
    from dashtools.spool import scan
    from dashtools.spool.compact import Compactor

    trip.export("before", what=("--trip", trip.trip_id))
    for leaf in list(scan.leaves(trip.spool.files)):
        Compactor(trip.spool).compact(leaf)
    assert trip.export("after", what=("--trip", trip.trip_id)) == 0
    for path in (trip.root / "before").rglob("records/*.json"):
        assert (trip.root / "after" / path.relative_to(trip.root / "before")).read_bytes() == path.read_bytes()
