"""dc-replay looks again and changes nothing."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from dashtools.commands._replay import Replay, Seen, compared, done_before
from dashtools.commands._run import status_of
from dashtools.commands.replay import command
from dashtools.config import DEFAULT_PROCESSING
from dashtools.model import FileRef, StageResult, Task, Track, with_changes
from dashtools.ports import StageContext
from dashtools.spool.queue import Spool
from dashtools.stages.heavy import HeavyStage
from dashtools.stages.preproc import PreprocStage

sys.path.insert(0, str(Path(__file__).parents[1] / "stages"))
from seeing_fakes import Drawn, FakeDecoder, FakeDetector, FakeReader, scene

KINDS = ("video", "ingest", "track", "preproc")


@dataclass
class FakeTools:
    decoder: FakeDecoder
    detector: FakeDetector
    proposer: FakeDetector
    reader: FakeReader


def tools(text: str) -> FakeTools:
    pictures = [scene(i, (Drawn(100 + 30 * i, 50),)) for i in range(5)]
    decoder = FakeDecoder(pictures, [200 * i for i in range(5)])
    return FakeTools(decoder, FakeDetector(), FakeDetector(), FakeReader({50: (text, 0.97)}))


@dataclass
class Done:
    """A spool in which one clip was done, and the folder its files lie in."""

    spool: Spool
    files: Path

    def resolve(self, ref: FileRef) -> Path:
        return self.files / ref.path


@pytest.fixture
def done(tmp_path: Path) -> Done:
    files = tmp_path / "files"
    files.mkdir()
    (files / "video").write_bytes(b"clip")
    (files / "ingest").write_bytes(orjson.dumps({"sha256": "ab" * 32, "container": {"duration_s": 1.0}}))
    (files / "track").write_bytes(orjson.dumps(Track("none").to_json()))
    refs = tuple(FileRef("indoor_nas", kind, kind) for kind in KINDS)
    task = Task("h1", "HEAVY_PROCESS_VIDEO", "drive-01", inputs=refs, metadata={"clip": "drive.mp4"})
    seen = tools("AB12CDE")
    run(PreprocStage(seen.decoder, seen.proposer), task, files, tmp_path / "preproc")  # type: ignore[arg-type]
    (tmp_path / "preproc" / "preproc.json").rename(files / "preproc")
    found = run(HeavyStage(seen.decoder, seen.detector, seen.reader), task, files, tmp_path / "heavy")  # type: ignore[arg-type]
    Spool.create(tmp_path / "spool")
    spool = Spool.open(tmp_path / "spool")
    spool.publish(task)
    claim = spool.claim(spool.scanner([task.task_type], {}))
    assert claim is not None
    final = with_changes(
        claim.task, state="complete", completed_at="2024-01-01T00:00:00Z", params={"settings": DEFAULT_PROCESSING}
    )
    spool.commit(claim, final, rows=b"".join(orjson.dumps(row) + b"\n" for row in found.rows))
    return Done(spool, files)


def run(stage: Any, task: Task, files: Path, out: Path) -> StageResult:
    out.mkdir()
    paths = {kind: [files / kind] for kind in KINDS if (files / kind).exists()}
    return stage(StageContext(task, paths, out, DEFAULT_PROCESSING, lambda share, what: None))


def digests(folder: Path) -> dict[str, str]:
    paths = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def seen(plate: str, first_ms: int = 0, last_ms: int = 1000) -> Seen:
    return Seen(plate, first_ms, last_ms, 0.9)


def test_plates_are_gained_lost_changed_or_the_same() -> None:
    before = [seen("AB12CDE"), seen("GONE99"), seen("MISREAD1", 5000, 6000), seen("FAR123", 0, 10)]
    after = [seen("AB12CDE", 200), seen("MISREADI", 5200, 7000), seen("NEW4567"), seen("FAR124", 9000, 9100)]
    found = {d.how: [] for d in compared(before, after)}
    for d in compared(before, after):
        found[d.how].append((d.before and d.before.plate, d.after and d.after.plate))
    assert found["same"] == [("AB12CDE", "AB12CDE")] and found["changed"] == [("MISREAD1", "MISREADI")]
    assert found["lost"] == [("GONE99", None), ("FAR123", None)]
    assert found["gained"] == [(None, "NEW4567"), (None, "FAR124")]


def test_the_plates_of_a_record_are_those_of_its_rows(done: Done) -> None:
    ((task, plates),) = done_before(done.spool)
    assert task.task_id == "h1" and [p.plate for p in plates] == ["AB12CDE"]
    assert list(done_before(done.spool, ["another"])) == []


@pytest.mark.parametrize("changes", [{}, {"sample_fps": 2}], ids=["same frames", "frames chosen anew"])
def test_a_clip_is_seen_again_by_another_reader(done: Done, changes: dict[str, Any]) -> None:
    ((task, _),) = done_before(done.spool)
    replay = Replay(tools("ZZ99ZZZ"), {**DEFAULT_PROCESSING, **changes}, done.resolve)  # type: ignore[arg-type]
    assert [p.plate for p in replay.plates(task)] == ["ZZ99ZZZ"]


def test_the_command_tells_what_changed_and_leaves_everything_as_it_was(done: Done, monkeypatch, capfd) -> None:
    monkeypatch.setattr("dashtools.devices.tools.build_tools", lambda settings, folder: tools("AB12CDF"))
    monkeypatch.setattr("dashtools.devices.places.HostPlaces.resolve", lambda self, ref: done.resolve(ref))
    before = digests(done.spool.root), digests(done.files)
    arguments = ["--spool", str(done.spool.root), "--json", "--set", "crops_per_track=3", "drive.mp4"]
    assert status_of(command, "dc-replay", arguments) == 0
    changed, total = (json.loads(line) for line in capfd.readouterr().out.splitlines())
    assert (changed["type"], changed["before"], changed["after"]) == ("changed", "AB12CDE", "AB12CDF")
    assert (total["type"], total["changed"], total["gained"], total["lost"]) == ("replay", 1, 0, 0)
    assert (digests(done.spool.root), digests(done.files)) == before


def test_a_clip_whose_file_is_gone_is_passed_over_with_status_66(done: Done, monkeypatch, capfd) -> None:
    from dashtools.errors import InputMissing

    def gone(self: object, ref: FileRef) -> Path:
        raise InputMissing(f"{ref.path} is gone")

    monkeypatch.setattr("dashtools.devices.tools.build_tools", lambda settings, folder: tools("AB12CDE"))
    monkeypatch.setattr("dashtools.devices.places.HostPlaces.resolve", gone)
    assert status_of(command, "dc-replay", ["--spool", str(done.spool.root), "--profile", "fast"]) == 66
    assert "drive.mp4: video is gone" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status"),
    [([], 64), (["--set", "sample_fps"], 64), (["--profile", "none"], 78), (["--profile", "fast", "other"], 65)],
    ids=["nothing to try", "no value", "unknown profile", "unknown video"],
)
def test_what_cannot_be_meant_is_refused(done: Done, arguments: list[str], status: int, capfd) -> None:
    assert status_of(command, "dc-replay", ["--spool", str(done.spool.root), *arguments]) == status
