"""What is kept for good is whole, verified, and the same each time."""

import dataclasses
import hashlib
import json

import pytest

from dashtools.backends.decode import PyavDecoder
from dashtools.backends.ffmpeg import FfmpegEncoder
from dashtools.errors import ArchivalError, BadInput
from dashtools.stages.archive import ArchiveStage

SIGHTING = "drive-12345678.t001"


@pytest.fixture
def clip(archive_clip):
    return archive_clip


@pytest.fixture
def context(archive_context):
    return archive_context


def stage():
    return ArchiveStage(FfmpegEncoder(), PyavDecoder(threads=1))


def tree(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_the_archive_holds_every_promised_file_and_nothing_else(context):
    result = stage()(context)
    expected = [
        "detections.json",
        "frames/best.jpg",
        "manifest.json",
        f"plates/{SIGHTING}_best_crop.jpg",
        "thumbs/000005.jpg",
        "track.gpx",
        "video_lowres.mp4",
    ]
    assert tree(context.out) == expected
    assert sorted(output.path for output in result.outputs) == expected


def test_the_manifest_names_each_file_with_its_digest_and_the_originals(context, clip):
    stage()(context)
    manifest = json.loads((context.out / "manifest.json").read_text())
    assert [entry["path"] for entry in manifest["files"]] == [p for p in tree(context.out) if p != "manifest.json"]
    for entry in manifest["files"]:
        content = (context.out / entry["path"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest() and entry["size_bytes"] == len(content)
    assert manifest["original"]["sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert set(manifest["chain"]) == {"ingest", "track", "preproc", "detections"}


def test_the_same_inputs_give_the_same_bytes(context, tmp_path):
    stage()(context)
    again = dataclasses.replace(context, out=tmp_path / "again")
    again.out.mkdir()
    stage()(again)
    for path in tree(context.out):
        assert (context.out / path).read_bytes() == (again.out / path).read_bytes(), path


def test_rows_and_child_carry_what_the_index_and_finalize_need(context):
    result = stage()(context)
    assert [row for row in result.rows if row["table"] == "crops"] == [
        {"table": "crops", "sighting_id": SIGHTING, "path": {"$out": f"plates/{SIGHTING}_best_crop.jpg"}}
    ]
    assert {"table": "lowres", "video_id": "drive-12345678", "path": {"$out": "video_lowres.mp4"}, "height": 120} in (
        result.rows
    )
    (child,) = result.children
    assert child.task_type == "FINALIZE_VIDEO" and child.metadata["keep"] == 1
    assert [ref.type for ref in child.inputs] == ["manifest", "detections"]


def test_without_finalize_there_is_no_child(context):
    settings = {**context.settings, "finalize": False}
    assert stage()(dataclasses.replace(context, settings=settings)).children == ()


def test_an_original_that_changed_since_ingest_is_bad_input(context, tmp_path, clip):
    changed = tmp_path / "drive.mp4"
    changed.write_bytes(clip.read_bytes()[:-1] + b"\0")
    paths = {**context.paths, "video": [changed]}
    with pytest.raises(BadInput, match="changed since it was taken in"):
        stage()(dataclasses.replace(context, paths=paths))


def test_a_sighting_without_its_crop_is_bad_input(context):
    paths = {**context.paths, "plate_crop": []}
    with pytest.raises(BadInput, match="no crop"):
        stage()(dataclasses.replace(context, paths=paths))


def test_the_gpx_holds_valid_fixes_with_times_and_breaks_where_the_receiver_was_blind(context):
    import gpxpy

    stage()(context)
    document = gpxpy.parse((context.out / "track.gpx").read_text())
    segments = document.tracks[0].segments
    assert [len(segment.points) for segment in segments] == [1, 1]
    assert segments[0].points[0].latitude == 52.25
    assert segments[1].points[0].time.isoformat() == "2024-01-15T14:25:00.900000+00:00"


def test_a_clip_without_a_track_has_an_empty_gpx(context):
    paths = {kind: found for kind, found in context.paths.items() if kind != "track"}
    stage()(dataclasses.replace(context, paths=paths))
    assert "<trkpt" not in (context.out / "track.gpx").read_text()


class FlippingDecoder(PyavDecoder):
    """Flips a byte of each clip that it is asked about, as a dying disk would."""

    def facts(self, path):
        facts = super().facts(path)
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        return facts


def test_a_file_that_reads_back_differently_is_not_archived(context):
    with pytest.raises(ArchivalError, match=r"video_lowres\.mp4 read back"):
        ArchiveStage(FfmpegEncoder(), FlippingDecoder(threads=1))(context)
    assert not (context.out / "manifest.json").exists()


class NotingEncoder(FfmpegEncoder):
    """Remembers how it was told to make the copy."""

    def downscale(self, source, target, *, style, **options):
        self.style = style
        return super().downscale(source, target, style=style, **options)


def style_of(context, **settings):
    encoder = NotingEncoder()
    changed = dataclasses.replace(context, settings={**context.settings, **settings})
    ArchiveStage(encoder, PyavDecoder(threads=1))(changed)
    return encoder.style, json.loads((context.out / "manifest.json").read_text())


def test_the_settings_choose_codec_and_hardware(context):
    style, manifest = style_of(context, archive_codec="hevc", archive_encoder="software")
    assert (style.codec, style.is_hardware_allowed) == ("hevc", False)
    assert manifest["video_lowres"]["encoder"] == "ffmpeg-libx265"


def test_the_track_goes_along_as_subtitles(context):
    ingest = json.loads(context.one("ingest").read_text())
    context.one("ingest").write_text(json.dumps({**ingest, "container": {"duration_s": 1.0}}))
    style, _ = style_of(context, archive_encoder="auto")
    assert style.is_hardware_allowed and "52.25000" in style.subtitles


def test_what_is_withheld_is_black_in_the_copy(context):
    track = json.loads(context.one("track").read_text())
    context.one("track").write_text(json.dumps({**track, "withheld": [[0, 450]]}))
    assert style_of(context)[0].blank_ms == ((0, 450),)
    frames = PyavDecoder(threads=1).frames(context.out / "video_lowres.mp4")
    levels = {frame.pts_ms: int(frame.bgr().max()) for frame in frames}
    assert all((level < 24) == (at <= 450) for at, level in levels.items())
