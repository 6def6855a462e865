"""dc-clip: the result is decoded and looked at: the sighting's plate is as it was, every other one is gone."""

import hashlib
import json
from fractions import Fraction

import av
import cv2
import numpy as np
import orjson
import pytest

from dashtools.backends.decode import PyavDecoder
from dashtools.commands._run import status_of
from dashtools.commands.clip import command
from dashtools.devices.storages import create_storage
from dashtools.model import ChildTask, FileRef, Task, with_changes
from dashtools.spool.queue import Spool

VIDEO = "clip-0a1b2c3d"
FPS, SECONDS, WIDTH, HEIGHT = 10, 6, 320, 240
NAMES = ("kept", "other", "refused")
KEPT = f"{VIDEO}.kept"


def box_at(name, pts_ms):
    """Where each plate is: all move, on ways of their own."""
    step = pts_ms / 100
    x, y = {"kept": (20 + 2 * step, 30), "other": (240 - 2 * step, 110), "refused": (60 + step, 190)}[name]
    return [x, y, x + 60, y + 20]


def draw_scene(pts_ms):
    """A soft background and three plates of fine stripes."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    picture = np.dstack([(rows // 2 + 60) % 200, (columns // 3 + 40) % 200, rows * 0 + 90]).astype(np.uint8)
    for number, name in enumerate(NAMES):
        x1, y1, x2, y2 = (round(v) for v in box_at(name, pts_ms))
        stripes = ((np.arange(x2 - x1) // 3 + number) % 2 * 255).astype(np.uint8)
        picture[y1:y2, x1:x2] = stripes[None, :, None]
    return picture


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """The scene as a clip with sound, a keyframe each second."""
    path = tmp_path_factory.mktemp("footage") / "clip.mp4"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=FPS, options={"crf": "12", "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt, video.codec_context.gop_size = WIDTH, HEIGHT, "yuv420p", FPS
        sound = out.add_stream("aac", rate=44100)
        for number in range(FPS * SECONDS):
            frame = av.VideoFrame.from_ndarray(draw_scene(number * 100), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(video.encode(frame))
        for number in range(SECONDS * 44100 // 1024):
            tone = np.sin(np.arange(1024) * 0.05).astype(np.float32)[None, :]
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 44100, number * 1024, Fraction(1, 44100)
            out.mux(sound.encode(frame))
        out.mux(video.encode())
        out.mux(sound.encode())
    return path


class Case:
    """A spool with that clip through ingest, heavy and archive; boxes only of every fifth picture."""

    def __init__(self, root, footage):
        self.root = root
        for name in ("indoor_nas", "shed_nas"):
            (root / name).mkdir()
            create_storage(root / name, name)
        storages = {name: str(root / name) for name in ("indoor_nas", "shed_nas")}
        self.host_file = root / "host.json"
        self.host_file.write_bytes(orjson.dumps({"host": {"device_id": "one", "storages": storages}}))
        Spool.create(root / "spool")
        self.spool = Spool.open(root / "spool")
        self.original = self.put("indoor_nas", "raw/clip.mp4", footage.read_bytes())
        video = FileRef("indoor_nas", "raw/clip.mp4", "video")
        self.spool.publish(Task("root", "INGEST_VIDEO", VIDEO, inputs=(video,), metadata={"clip": "clip.mp4"}))
        facts = {"clip": "clip.mp4", "storage": "indoor_nas", "path": "raw/clip.mp4", "height": HEIGHT}
        rows = [{"table": "videos", "video_id": VIDEO, "recorded_at": "2024-01-15T14:25:00Z", **facts}]
        rows += [
            {"table": "fixes", "video_id": VIDEO, "slot": n, "t_ms": 1000 * n, "is_valid": True}
            | {"latitude": 52.0 + n / 1000, "longitude": 20.0}
            for n in range(SECONDS)
        ]
        self.step("INGEST_VIDEO", {}, rows, "HEAVY_PROCESS_VIDEO")
        tracks = [
            {
                "track_id": f"{VIDEO}.{name}",
                "reads": [{"pts_ms": t, "box": box_at(name, t)} for t in range(0, 6000, 500)],
            }
            for name in NAMES
        ]
        sighting = {"table": "sightings", "sighting_id": KEPT, "video_id": VIDEO, "plate": "AB12CDE"}
        rows = [{**sighting, "first_pts_ms": 2400, "last_pts_ms": 3000, "best_pts_ms": 2500}]
        detections = json.dumps({"tracks": tracks}).encode()
        self.step("HEAVY_PROCESS_VIDEO", {"detections.json": ("detections", detections)}, rows, "ARCHIVE_VIDEO")
        small = root / "small.mp4"
        with av.open(str(small), "w") as out:
            stream = out.add_stream("libx264", rate=FPS, options={"crf": "12"})
            stream.width, stream.height, stream.pix_fmt = WIDTH // 2, HEIGHT // 2, "yuv420p"
            for number in range(FPS * SECONDS):
                half = cv2.resize(draw_scene(number * 100), (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
                frame = av.VideoFrame.from_ndarray(half, format="bgr24")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
        self.step("ARCHIVE_VIDEO", {"video_lowres.mp4": ("video_lowres", small.read_bytes())}, [], None)

    def put(self, storage, path, content):
        target = self.root / storage / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return target

    def step(self, task_type, files, rows, following):
        claim = self.spool.claim(self.spool.scanner([task_type], {}))
        outputs = []
        for name, (kind, content) in files.items():
            self.put("shed_nas", f"{task_type.lower()}/{name}", content)
            digest = hashlib.sha256(content).hexdigest()
            outputs.append(FileRef("shed_nas", f"{task_type.lower()}/{name}", kind, False, digest, len(content)))
        final = with_changes(claim.task, state="complete", completed_at="2024-01-16T00:00:00Z", outputs=tuple(outputs))
        children = [ChildTask(following, inputs=claim.task.inputs)] if following else []
        self.spool.commit(claim, final, children=children, rows=b"".join(orjson.dumps(r) + b"\n" for r in rows))

    def clip(self, *words, name="out.mp4", sighting=KEPT):
        shared = ["--spool", str(self.spool.root), "--config", str(self.host_file)]
        status = status_of(command, "dc-clip", [sighting, "-o", str(self.root / name), *words, *shared])
        return status, self.root / name


@pytest.fixture
def case(tmp_path, footage, monkeypatch):
    monkeypatch.setenv("DASHTOOLS_DATA", str(tmp_path / "kept"))
    return Case(tmp_path, footage)


def pictures(path):
    return [(frame.pts_ms, frame.bgr()) for frame in PyavDecoder(threads=1).frames(path)]


def stripes(picture, box, scale=1.0):
    """How much of the fine stripes is left inside a plate: the spread of neighbouring pixels' differences."""
    x1, y1, x2, y2 = (round(v * scale) for v in box)
    part = picture[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2].astype(float)
    return float(np.abs(np.diff(part, axis=1)).mean())


def has_sound(path):
    with av.open(str(path)) as container:
        return bool(container.streams.audio)


def check_veiled(path, start_ms, scale=1.0):
    """Every picture: the kept plate as drawn, the others without stripes."""
    found = pictures(path)
    for at_ms, picture in found:
        drawn = draw_scene(at_ms + start_ms)
        if scale != 1.0:
            drawn = cv2.resize(drawn, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        plain = {name: stripes(drawn, box_at(name, at_ms + start_ms), scale) for name in NAMES}
        left = {name: stripes(picture, box_at(name, at_ms + start_ms), scale) for name in NAMES}
        assert left["kept"] > 0.75 * plain["kept"], at_ms
        assert left["other"] < 0.1 * plain["other"] and left["refused"] < 0.1 * plain["refused"], at_ms
    return found


def test_every_other_plate_is_hidden_in_every_picture_and_the_sightings_is_not(case):
    status, path = case.clip("--blur-others", "--pad", "1.5")
    assert status == 0
    found = check_veiled(path, 900)
    assert [at for at, _ in found] == list(range(0, 3601, 100))
    assert has_sound(path)


def test_the_archive_copy_stands_in_with_boxes_in_its_own_size(case, capfd):
    case.original.unlink()
    status, path = case.clip("--blur-others", "--pad", "1")
    assert status == 0 and "archive copy" in capfd.readouterr().err
    assert len(check_veiled(path, 1400, scale=0.5)) == 27


def test_without_sound_no_voice_is_given_away(case):
    assert not has_sound(case.clip("--blur-others", "--no-sound")[1])
    assert not has_sound(case.clip("--no-sound", name="copy.mp4")[1])
    assert has_sound(case.clip(name="with.mp4")[1])


def test_a_copy_is_the_originals_own_pictures_from_the_keyframe_before(case):
    status, path = case.clip("--pad", "0.2")
    assert status == 0
    original = {picture.tobytes() for _, picture in pictures(case.original)}
    copied = [picture.tobytes() for _, picture in pictures(path)]
    assert 10 <= len(copied) <= 20 and set(copied) <= original


def test_an_exact_cut_begins_at_the_very_moment(case):
    status, path = case.clip("--exact", "--pad", "0.2")
    assert status == 0
    (at_ms, picture), *rest = pictures(path)
    assert at_ms == 0 and len(rest) in (9, 10)
    assert np.abs(picture.astype(int) - draw_scene(2200)).mean() < np.abs(picture.astype(int) - draw_scene(2100)).mean()


def test_the_sidecar_holds_the_fixes_of_this_part_alone(case):
    import gpxpy

    _, path = case.clip("--pad", "1")
    document = gpxpy.parse(path.with_name("out.mp4.gpx").read_text())
    assert [p.latitude for t in document.tracks for s in t.segments for p in s.points] == [52.002, 52.003, 52.004]
    _, other = case.clip("--no-gps", name="other.mp4")
    assert not other.with_name("other.mp4.gpx").exists()


def test_json_says_what_is_hidden_and_that_faces_are_not(case, capfd):
    case.clip("--blur-others", "--json")
    done = capfd.readouterr()
    told = json.loads(done.out)
    assert (told["hidden_tracks"], told["are_faces_hidden"], told["source"]) == (2, False, "original")
    assert "faces are not hidden" in done.err


def test_searching_hides_what_no_stored_box_knows(case, monkeypatch):
    from dashtools.devices import tools
    from dashtools.model import Detection

    class Finder:
        def detect(self, picture, min_score):
            return [Detection(2, 2, 30, 14, 0.9)]

    monkeypatch.setattr(tools.Tools, "detector", Finder())
    _, path = case.clip("--blur-others", "--search", "--pad", "0")
    for at_ms, picture in pictures(path):
        assert np.ptp(picture[3:13, 4:28, 2].astype(int)) <= 24, at_ms
    check_veiled(path, 2400)


def test_nothing_is_written_over_and_nothing_half_is_left(case):
    assert case.clip()[0] == 0
    assert case.clip()[0] == 65
    assert case.clip(sighting="no-such.t001", name="none.mp4")[0] == 65
    case.original.unlink()
    assert case.clip("--from", "original", name="none.mp4")[0] == 66
    assert case.clip("--pad", "0", "--search", name="none.mp4")[0] == 64
    left = {path.name for path in case.root.iterdir() if path.is_file()}
    assert left == {"host.json", "small.mp4", "out.mp4", "out.mp4.gpx"}
