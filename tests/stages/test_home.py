"""In a home zone nothing is stored: no position, no picture, no sighting; and where nothing tells, nothing is said."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from dashtools.backends.decode import PyavDecoder
from dashtools.commands._stages import stage_tools
from dashtools.config import DEFAULT_PROCESSING, load
from dashtools.errors import BadConfig
from dashtools.geodesy import Circle
from dashtools.model import FileRef, Fix, Task, Track
from dashtools.ports import ClipFacts, StageContext
from dashtools.stages.home import AwayFromHome, without_home
from dashtools.stages.preproc import PreprocStage
from dashtools.stages.selection import Rules, Selection

HOME = Circle(52.0, 20.0, 150.0)
FACTS = ClipFacts(640, 360, "h264", 10.0, 10.0, None, 0, False)


def drive(*latitudes):
    """A fix a second; None is a void slot."""
    return Track(
        "test",
        tuple(
            Fix(1000 * n, lat is not None, lat, None if lat is None else 20.0, 5.0, 0.0, utc="2026-01-01T00:00:00Z")
            for n, lat in enumerate(latitudes)
        ),
    )


def test_positions_inside_are_void_and_keep_their_time_and_those_outside_are_as_they_were():
    track = drive(52.0, 52.0005, 52.005, 52.006)
    found = without_home(track, [HOME])
    assert [(fix.is_valid, fix.latitude, fix.speed_mps) for fix in found.fixes[:2]] == [(False, None, None)] * 2
    assert found.fixes[2:] == track.fixes[2:] and found.fixes[0].utc == track.fixes[0].utc
    assert "52.0" not in json.dumps(found.to_json()["fixes"][:2])
    assert found.note == "2 fixes in a home zone were not stored"


@pytest.mark.parametrize(
    "latitudes,spans",
    [
        ((52.0, 52.005), ((0, 999),)),
        ((None, None, 52.0, 52.005), ((0, 2999),)),
        ((52.005, 52.0), ((1, None),)),
        ((52.005, None, 52.0, None, 52.005), ((1, 3999),)),
        ((52.005, 52.0, 52.005, 52.0), ((1, 1999), (2001, None))),
        ((52.005, 52.006), ()),
        ((None, None), ()),
    ],
    ids=["leaving", "before_the_first_fix", "coming", "through_void_slots", "twice", "elsewhere", "no_fix_at_all"],
)
def test_a_span_reaches_to_the_neighbouring_fixes_outside(latitudes, spans):
    assert without_home(drive(*latitudes), [HOME]).withheld == spans


def test_a_track_keeps_its_spans_on_disk_and_one_without_is_written_as_before():
    track = without_home(drive(52.0, 52.005), [HOME])
    assert Track.from_json(json.loads(json.dumps(track.to_json()))) == track
    assert "withheld" not in drive(52.005).to_json()


def test_spans_count_from_the_first_picture_that_decodes():
    class Reader:
        name = "test"

        def read(self, path, facts):
            return drive(52.005, 52.005, 52.0, 52.005)

    found = AwayFromHome(Reader(), [HOME]).read(None, replace(FACTS, lost_head_ms=500))
    assert found.withheld == ((501, 2499),)


def test_no_picture_of_a_withheld_moment_goes_on_not_by_lot_either():
    track = Track("test", withheld=((1000, 2000),))

    class Frame:
        def __init__(self, index):
            self.index, self.pts_ms, self.is_keyframe, self.is_corrupt = index, 100 * index, False, False

        def grey(self, step=1):
            return np.full((90, 160), (37 * self.index) % 256, np.uint8)[::step, ::step]

        def bgr(self):
            return np.full((90, 160, 3), (37 * self.index) % 256, np.uint8)

    rules = Rules(sample_fps=10, motion_threshold=0.0, audit_share=1.0, is_withheld=track.is_withheld)
    selection = Selection(rules)
    kept = {choice.pts_ms for choice in selection.choose(Frame(n) for n in range(30))}
    assert kept == {t for t in range(0, 3000, 100) if not 1000 <= t <= 2000}
    assert selection.ledger.runs()["home_zone"] == [[10, 20]]


def test_a_zone_without_a_place_stops_everything(tmp_path):
    spool = tmp_path / "spool"
    (spool / "config").mkdir(parents=True)
    (spool / "VERSION").write_text(json.dumps({"layout": 1, "uuid": "0123456789abcdef"}))
    zones = {"global": {"privacy": {"home_zones": {"home": {"latitude": 52.0, "radius_m": 100}}}}}
    (spool / "config" / "config.json").write_text(json.dumps(zones))
    with pytest.raises(BadConfig, match=r"home_zones\.home: needs longitude"):
        load(spool, environ={"DASHTOOLS_DATA": str(tmp_path)})


def test_what_ingest_and_preproc_write_of_a_drive_that_begins_at_home_says_nothing_of_it(tmp_path, tiny_drive):
    truth = json.loads(tiny_drive[0].with_suffix(".json").read_text())
    first = next(fix for fix in truth["fixes"] if fix["is_valid"])
    zone = {"latitude": first["latitude"], "longitude": first["longitude"], "radius_m": 3}
    config = SimpleNamespace(home_zones=lambda: (Circle(**zone),), processing=dict(DEFAULT_PROCESSING), models_dir=None)
    ref = FileRef("nas", "raw/a.mp4", "video")
    out = tmp_path / "ingest"
    out.mkdir()
    task = Task("one", "INGEST_VIDEO", "v", inputs=(ref,), metadata={"clip": tiny_drive[0].name})
    paths = {"video": [tiny_drive[0]]}
    context = StageContext(task, paths, out, DEFAULT_PROCESSING, lambda share, what: None)
    result = stage_tools(config)["INGEST_VIDEO"]()(context)
    places = [(row["latitude"], row["longitude"]) for row in result.rows if row["table"] == "fixes"]
    assert (first["latitude"], first["longitude"]) not in places and (None, None) in places
    assert Track.from_json(json.loads((out / "track.json").read_text())).withheld[0][0] == 0

    class Nothing:
        name, digest = "nothing", "0"

        def detect(self, picture, min_score):
            return []

    paths |= {"ingest": [out / "ingest.json"], "track": [out / "track.json"]}
    after = tmp_path / "preproc"
    after.mkdir()
    PreprocStage(PyavDecoder(threads=1), Nothing())(replace(context, paths=paths, out=after))
    preproc = json.loads((after / "preproc.json").read_text())
    assert "home_zone" in preproc["dropped"]
    track = Track.from_json(json.loads((out / "track.json").read_text()))
    assert not any(track.is_withheld(entry["pts_ms"]) for entry in preproc["kept"])
