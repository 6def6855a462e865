"""dc-privacy: what is forgotten is nowhere any more, what is listed is untouched, and the report says it first."""

import gzip
import hashlib
import json
import sys
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from dashtools.commands._run import status_of
from dashtools.commands.privacy import command
from dashtools.config import load
from dashtools.devices.pins import pin
from dashtools.files import write_whole
from dashtools.index import store
from dashtools.index.refresh import rebuild, refresh
from dashtools.model import ChildTask, FileRef, Task, with_changes
from dashtools.spool import forgotten, notes, scan
from dashtools.spool.compact import Compactor
from dashtools.times import to_text, utc_now

sys.path.insert(0, str(Path(__file__).parent.parent / "devices"))
from retention_library import RetentionLibrary

PLATES = {"t001": "KN12OWN", "t002": "ZZ98XYW", "t003": "QQ77QQQ"}
"""Of which the first is on a list; the third was refused."""


class Street:
    """A spool with clips in which three plates were seen, with everything that the stages leave of them."""

    def __init__(self, root):
        self.library = RetentionLibrary(root)
        self.root, self.spool = root, self.library.spool
        self.privacy = {"unlisted_plates": "hash", "after_days": 30}
        notes.say(self.spool, "list", "plate:KN12OWN", "known", by="test")

    def add(self, name, days):
        video_id = f"{name}-0a1b2c3d"
        content = f"clip {name}".encode()
        self.library.put("indoor_nas", f"raw/{name}.mp4", content)
        ref = FileRef(
            "indoor_nas", f"raw/{name}.mp4", "video", False, hashlib.sha256(content).hexdigest(), len(content)
        )
        self.spool.publish(Task(f"root{name}", "INGEST_VIDEO", video_id, inputs=(ref,), metadata={"clip": name}))
        self.step("INGEST_VIDEO", "indoor_nas", days, {"ingest.json": ("ingest", {})}, self.videos(video_id))
        detections = {"tracks": [self.track(video_id, name) for name in PLATES], "schema": "detections/1"}
        sightings = [f"{video_id}.t001", f"{video_id}.t002"]
        heavy = {"detections.json": ("detections", detections)}
        heavy |= {f"plate_crops/{s}.png": ("plate_crop", b"png") for s in sightings}
        heavy |= {f"frames/{s}.jpg": ("best_frame", b"jpg") for s in sightings}
        self.step("HEAVY_PROCESS_VIDEO", "indoor_nas", days, heavy, self.rows(video_id))
        archive = {f"plates/{s}_best_crop.jpg": ("plate_crop", b"jpg") for s in sightings}
        archive |= {"detections.json": ("detections", detections), "video_lowres.mp4": ("video_lowres", b"small")}
        rows = [{"table": "crops", "sighting_id": s, "path": {"$out": f"plates/{s}_best_crop.jpg"}} for s in sightings]
        self.step("ARCHIVE_VIDEO", "shed_nas", days, archive, rows)
        plates = [{"plate": PLATES[name], "sightings": 1} for name in ("t001", "t002")]
        digests = {"detections": "0", "manifest": "0", "original": "1"}
        summary = {"summary.json": ("summary", {"plates": plates, "digests": digests})}
        self.step("FINALIZE_VIDEO", "shed_nas", days, summary, [])
        return video_id

    def videos(self, video_id):
        return [{"table": "videos", "video_id": video_id, "recorded_at": "2026-01-02T03:04:05Z"}]

    def track(self, video_id, name):
        is_sighting = name != "t003"
        reads = [{"pts_ms": 1, "box": [1, 2, 3, 4], "text": PLATES[name], "character_confidences": [0.9]}]
        best = {"crop": f"plate_crops/{video_id}.{name}.png", "frame": f"frames/{video_id}.{name}.jpg"}
        votes = [{"char": char, "weight": 1.0, "alternatives": []} for char in PLATES[name]]
        track = {"track_id": f"{video_id}.{name}", "status": "sighting" if is_sighting else "refused", "best": best}
        return {**track, "plate": PLATES[name], "votes": votes, "reads": reads}

    def rows(self, video_id):
        found = []
        for name, plate in PLATES.items():
            track_id = f"{video_id}.{name}"
            sighting = track_id if name != "t003" else None
            found.append({"table": "tracks", "track_id": track_id, "video_id": video_id, "sighting_id": sighting})
            found[-1] |= {"text": plate, "status": "sighting" if sighting else "refused"}
            if sighting:
                found.append({"table": "sightings", "sighting_id": sighting, "video_id": video_id, "plate": plate})
                found[-1] |= {"why": json.dumps([{"char": plate}]), "confidence": 0.9, "best_pts_ms": 5}
            found.append({"table": "reads", "track_id": track_id, "sighting_id": sighting, "text": plate, "pts_ms": 1})
        return found

    def step(self, task_type, storage, days, files, rows):
        claim = self.spool.claim(self.spool.scanner([task_type], {}))
        prefix = f"{task_type[:5].lower()}/{claim.task.video_id}/{claim.task.task_id}.a{claim.entry.attempt:02d}"
        outputs, listed = [], []
        contents = {name: (kind, c if isinstance(c, bytes) else orjson.dumps(c)) for name, (kind, c) in files.items()}
        for name, (kind, content) in contents.items():
            digest = hashlib.sha256(content).hexdigest()
            listed.append({"path": name, "type": kind, "sha256": digest, "size_bytes": len(content)})
        if task_type == "ARCHIVE_VIDEO":
            manifest = {"files": listed, "chain": {"detections": listed[-2]["sha256"]}, "original": {"sha256": "1"}}
            contents["manifest.json"] = ("manifest", orjson.dumps(manifest))
        for name, (kind, content) in contents.items():
            self.library.put(storage, f"{prefix}/{name}", content)
            digest = hashlib.sha256(content).hexdigest()
            outputs.append(FileRef(storage, f"{prefix}/{name}", kind, False, digest, len(content)))
        order = ["INGEST_VIDEO", "HEAVY_PROCESS_VIDEO", "ARCHIVE_VIDEO", "FINALIZE_VIDEO"]
        following = order[order.index(task_type) + 1 :][:1]
        when = to_text(utc_now() - timedelta(days=days))
        final = with_changes(claim.task, state="complete", completed_at=when, outputs=tuple(outputs))
        placed = [
            {k: f"{prefix}/{v['$out']}" if isinstance(v, dict) and "$out" in v else v for k, v in r.items()}
            for r in rows
        ]
        lines = b"".join(orjson.dumps(row) + b"\n" for row in placed)
        self.spool.commit(claim, final, children=[ChildTask(t) for t in following], rows=lines)

    @property
    def config(self):
        return load(self.root / "spool", self.library.host_file, environ={"DASHTOOLS_DATA": str(self.root / "kept")})

    def run(self, *words):
        host = orjson.loads(self.library.host_file.read_bytes())
        write_whole(self.library.host_file, orjson.dumps({**host, "global": {"privacy": self.privacy}}))
        shared = ["--spool", str(self.root / "spool"), "--config", str(self.library.host_file), "--json"]
        return status_of(command, "dc-privacy", [*words, *shared])

    def tree(self):
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and ".lock" not in path.name and "workers" not in path.parts
        }

    def holding(self, plate):
        """Every file below the root that holds a plate's text, index and all."""
        return sorted(name for name, content in self.tree().items() if plate.encode() in content)

    def index(self, sql):
        connection = store.open_reading(self.config.state_dir / "index.db")
        try:
            return [tuple(row) for row in connection.execute(sql)]
        finally:
            connection.close()

    def record(self, task_type):
        entry = next(iter(self.spool.completed(task_type)))
        return self.spool.load(entry)


@pytest.fixture
def street(tmp_path, monkeypatch):
    monkeypatch.setenv("DASHTOOLS_DATA", str(tmp_path / "kept"))
    found = Street(tmp_path)
    found.add("fresh", 0)
    return found


def lines(capfd):
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_the_report_comes_first_and_changes_nothing(street, capfd):
    street.add("old", 40)
    refresh(street.root / "spool", street.config.state_dir / "index.db")
    before = street.tree()
    assert street.run() == 0
    (line,) = lines(capfd)
    assert line == {"type": "would_forget", "video_id": "old-0a1b2c3d", "tracks": 2, "pictures": 3}
    after = street.tree()
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert {Path(name).name for name in changed} <= {"host.json", "secrets.json"}


@pytest.mark.parametrize("way", ["hash", "delete"])
def test_a_forgotten_plate_is_in_no_file_any_more_and_no_new_index_brings_it_back(street, way, capfd):
    street.privacy["unlisted_plates"] = way
    street.add("old", 40)
    refresh(street.root / "spool", street.config.state_dir / "index.db")
    assert street.run("--apply") == 0
    left = street.holding("ZZ98XYW")
    assert not [name for name in left if "old" in name]
    expected = 2 if way == "hash" else 1
    rebuild(street.root / "spool", street.config.state_dir / "index.db")
    found = street.index("SELECT plate, why FROM sightings WHERE video_id LIKE 'old%' ORDER BY sighting_id")
    assert len(found) == expected and found[0][0] == "KN12OWN" and "KN12OWN"[0] in found[0][1]
    assert street.index("SELECT count(*) FROM reads WHERE text = 'ZZ98XYW' AND track_id LIKE 'old%'") == [(0,)]
    assert street.index("SELECT count(*) FROM tracks WHERE text = 'QQ77QQQ' AND video_id LIKE 'old%'") == [(0,)]


def test_nothing_but_hashes_remains_anywhere_when_every_clip_is_old(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("DASHTOOLS_DATA", str(tmp_path / "kept"))
    street = Street(tmp_path)
    video_id = street.add("old", 31)
    notes.say(street.spool, "correction", f"sighting:{video_id}.t002", "ZZ98XYV", by="test")
    refresh(tmp_path / "spool", street.config.state_dir / "index.db")
    assert street.holding("ZZ98XYW") and street.holding("ZZ98XYV")
    assert street.run("--apply", "--clock-is-right") == 0
    assert [street.holding(plate) for plate in ("ZZ98XYW", "ZZ98XYV", "QQ77QQQ")] == [[], [], []]
    assert street.holding("KN12OWN")


def test_crops_and_frames_of_forgotten_plates_go_and_those_of_listed_ones_stay(street, capfd):
    street.add("old", 40)
    street.run("--apply")
    left = [name for name in street.library.files() if "old" in name and name.endswith((".png", ".jpg"))]
    assert len(left) == 3 and all("t001" in name for name in left)


def test_records_manifest_and_files_still_agree_digest_by_digest(street, capfd):
    street.add("old", 40)
    street.run("--apply")
    for entry in street.spool.completed():
        task = street.spool.load(entry)
        for ref in task.outputs:
            content = (street.root / ref.device / ref.path).read_bytes()
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (ref.sha256, ref.size_bytes), ref.path
            if ref.type == "manifest":
                folder = (street.root / ref.device / ref.path).parent
                manifest = json.loads(content)
                for named in manifest["files"]:
                    assert hashlib.sha256((folder / named["path"]).read_bytes()).hexdigest() == named["sha256"]
                heavy = (folder / "detections.json").read_bytes()
                assert manifest["chain"]["detections"] == hashlib.sha256(heavy).hexdigest()


def test_the_same_plate_has_the_same_hash_and_only_the_key_makes_it(street, capfd):
    street.add("one", 40)
    street.add("two", 41)
    street.run("--apply")
    capfd.readouterr()
    street.run("--hash", "zz98 xyw")
    token = lines(capfd)[0]["hash"]
    plates = street.index("SELECT plate, sightings FROM plates WHERE plate LIKE '#%'")
    assert plates == [(token, 2)]
    (street.config.state_dir / "secrets.json").unlink()
    street.run("--hash", "ZZ98XYW")
    assert lines(capfd)[0]["hash"] != token


def test_doing_it_twice_is_doing_it_once(street, capfd):
    street.add("old", 40)
    assert street.run("--apply") == 0
    capfd.readouterr()
    mark = forgotten.stamp(street.spool)
    assert street.run("--apply") == 0
    assert lines(capfd) == [] and forgotten.stamp(street.spool) == mark


def test_young_pinned_and_pending_clips_stay(street, capfd):
    pin(street.spool, street.add("pinned", 40))
    video_id = street.add("pending", 40)
    entry = next(e for e in street.spool.completed("FINALIZE_VIDEO") if street.spool.load(e).video_id == video_id)
    street.spool.requeue(entry)
    assert street.run("--apply") == 0
    assert lines(capfd) == []


def test_keep_forgets_nothing(street, capfd):
    street.privacy["unlisted_plates"] = "keep"
    street.add("old", 400)
    assert street.run("--apply") == 0
    assert lines(capfd) == [] and street.holding("ZZ98XYW")


def test_a_storage_that_is_away_leaves_the_clip_whole_and_gives_75(street, capfd):
    street.add("old", 40)
    (street.root / "shed_nas" / "STORAGE").rename(street.root / "shed_nas" / "AWAY")
    before = street.library.files()
    assert street.run("--apply") == 75
    assert street.library.files() == before
    (street.root / "shed_nas" / "AWAY").rename(street.root / "shed_nas" / "STORAGE")
    assert street.run("--apply") == 0
    assert len(street.library.files()) < len(before)


@pytest.mark.parametrize("step", range(0, 26, 3))
def test_broken_off_at_any_write_the_next_run_finishes_it(tmp_path, monkeypatch, step, capfd):
    from dashtools.devices import forgetting
    from dashtools.spool.atomic import Files

    monkeypatch.setenv("DASHTOOLS_DATA", str(tmp_path / "kept"))
    street = Street(tmp_path)
    street.add("old", 31)
    refresh(tmp_path / "spool", street.config.state_dir / "index.db")
    count = [0]

    class Killed(BaseException):
        pass

    def counted(function):
        def run(*words):
            count[0] += 1
            if count[0] == step:
                raise Killed
            return function(*words)

        return run

    with monkeypatch.context() as patch:
        patch.setattr(Files, "replace", counted(Files.replace))
        patch.setattr(forgetting, "write_whole", counted(forgetting.write_whole))
        patch.setattr(forgetting.Forgetter, "_remove", counted(forgetting.Forgetter._remove))
        try:
            street.run("--apply", "--clock-is-right")
        except Killed:
            refresh(tmp_path / "spool", street.config.state_dir / "index.db")
    assert street.run("--apply", "--clock-is-right") == 0
    assert [street.holding(plate) for plate in ("ZZ98XYW", "QQ77QQQ")] == [[], []]
    assert not forgotten.is_unfinished(street.spool)


def test_packed_records_forget_too_and_no_old_pack_is_left(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("DASHTOOLS_DATA", str(tmp_path / "kept"))
    street = Street(tmp_path)
    street.add("old", 31)
    for leaf in list(scan.leaves(street.spool.files)):
        Compactor(street.spool).compact(leaf)
    packs = list(street.spool.root.rglob("complete/**/pack~*"))
    assert any(b"ZZ98XYW" in gzip.decompress(path.read_bytes()) for path in packs)
    assert street.run("--apply", "--clock-is-right") == 0
    after = list(street.spool.root.rglob("complete/**/pack~*"))
    assert after and not any(b"ZZ98XYW" in gzip.decompress(path.read_bytes()) for path in after)
    assert street.holding("ZZ98XYW") == []
    rebuild(tmp_path / "spool", street.config.state_dir / "index.db")
    assert len(street.index("SELECT 1 FROM sightings")) == 2
