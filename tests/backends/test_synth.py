"""The synthetic drive: what it says of itself is what lies in its bytes."""

from __future__ import annotations

import json
import math
import re
import shutil
import struct
import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from dashtools.backends import synth, synth_gps, synth_scene
from dashtools.backends.gps_novatek import NovatekGps
from dashtools.backends.synth_plates import draw_plate
from dashtools.errors import BadInput
from dashtools.geodesy import distance_m
from dashtools.model import Fix
from dashtools.ports import ClipFacts

FIX = Fix(0, True, -33.85678, 151.21529, 13.5, 271.25, utc="2024-07-15T13:30:05Z")
FLOAT32_PLACE_M = 0.8


def truth(clip: Path) -> dict:
    return json.loads(clip.with_suffix(".json").read_text())


def degrees(ddmm: float) -> float:
    whole = int(ddmm // 100)
    return whole + (ddmm - whole * 100) / 60


def index_of(raw: bytes) -> list[tuple[int, int]]:
    """The entries of the gps index, by a walk of this test's own."""
    moov = raw.rindex(b"moov") - 4
    at = raw.index(b"gps ", moov) + 4
    _, count = struct.unpack_from(">II", raw, at)
    return list(struct.iter_unpack(">II", raw[at + 8 : at + 8 + 8 * count]))


def test_clips_are_named_like_a_viofo_and_follow_each_other(tiny_drive):
    assert [clip.name for clip in tiny_drive] == ["2024_0115_142300_0001F.MP4", "2024_0115_142303_0002F.MP4"]


def test_the_same_plan_gives_the_same_bytes(tmp_path):
    plan = synth.Plan(clip_s=2, clips=1, fps=2, width=320, height=180, seed=3)
    first, second = (synth.make_drive(tmp_path / name, plan)[0] for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".json").read_bytes() == second.with_suffix(".json").read_bytes()


def test_another_seed_gives_other_plates():
    texts = [{car.text for car in synth.cars_of(synth.Plan(seed=seed))} for seed in (1, 2)]
    assert not texts[0] & texts[1]


def test_no_plate_occurs_twice_in_a_drive():
    texts = [car.text for car in synth.cars_of(synth.Plan(clips=6))]
    assert len(texts) == len(set(texts))


def test_every_frame_decodes_at_its_time(tiny_drive):
    for clip in tiny_drive:
        with av.open(str(clip)) as container:
            times = [float(frame.time) for frame in container.decode(video=0)]
        assert times == pytest.approx([k / 10 for k in range(30)])
        assert len(truth(clip)["frames"]) == 30


def test_a_true_box_holds_a_bright_plate(tiny_drive):
    said = truth(tiny_drive[0])
    number = max(
        range(30), key=lambda k: max((o["box"][2] - o["box"][0] for o in said["frames"][k]["objects"]), default=0)
    )
    with av.open(str(tiny_drive[0])) as container:
        picture = next(f for k, f in enumerate(container.decode(video=0)) if k == number).to_ndarray(format="gray")
    widest = max(said["frames"][number]["objects"], key=lambda o: o["box"][2] - o["box"][0])
    x1, y1, x2, y2 = (round(side) for side in widest["box"])
    assert x2 - x1 > 60
    high, wide = y2 - y1, x2 - x1
    inside = picture[y1 + 1 : y2 - 1, x1 + wide // 4 : x2 - 2]
    above = picture[y1 - high : y1 - high // 3, x1 + wide // 4 : x2 - 2]
    assert np.percentile(inside, 90) > np.percentile(above, 90) + 30


def test_only_plates_wide_enough_are_called_legible(tiny_drive):
    objects = [o for clip in tiny_drive for frame in truth(clip)["frames"] for o in frame["objects"]]
    assert all(o["box"][2] - o["box"][0] >= synth_scene.LEGIBLE_PX - 0.2 for o in objects if o["legible"])
    assert any(o["legible"] for o in objects) and not all(o["legible"] for o in objects)


def test_the_car_ahead_is_at_least_100_px_wide_for_a_second_in_the_default_drive():
    plan = synth.Plan()
    ahead = synth.cars_of(plan)[0]
    scale = synth_scene.FOCAL_WIDTHS * plan.width * synth_scene.PLATE_WIDTH_M
    wide = [scale / ahead.z_at(k / plan.fps) >= 100 for k in range(plan.clip_s * plan.fps)]
    assert sum(wide) >= plan.fps


def test_each_second_has_a_gps_block_where_the_index_says(tiny_drive):
    for clip in tiny_drive:
        raw = clip.read_bytes()
        entries = index_of(raw)
        assert len(entries) == 3
        for at, size in entries:
            assert at % synth_gps.BLOCK_BYTES == 0
            assert struct.unpack_from(">I8s", raw, at) == (size, b"freeGPS ")


def test_the_blocks_hold_the_fixes_of_the_truth_file(tiny_drive):
    for clip in tiny_drive:
        raw = clip.read_bytes()
        for (at, _), fix in zip(index_of(raw), truth(clip)["fixes"], strict=True):
            hour, minute, second, year, month, day = struct.unpack_from("<6I", raw, at + 0x10)
            assert f"20{year:02d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}Z" == fix["utc"]
            assert raw[at + 0x28 : at + 0x29] == (b"A" if fix["is_valid"] else b"V")
            latitude, longitude, knots, bearing = struct.unpack_from("<4f", raw, at + 0x2C)
            if fix["is_valid"]:
                place = degrees(latitude), degrees(longitude)
                assert distance_m(*place, fix["latitude"], fix["longitude"]) < FLOAT32_PLACE_M
                assert knots * 1852 / 3600 == pytest.approx(fix["speed_mps"], abs=1e-3)
                assert bearing == pytest.approx(fix["bearing_deg"], abs=1e-2)


def test_the_drive_starts_without_a_fix_and_keeps_it_afterwards(tiny_drive):
    assert [fix["is_valid"] for clip in tiny_drive for fix in truth(clip)["fixes"]] == [False] + [True] * 5


def test_south_and_west_are_letters_and_not_signs():
    raw = synth_gps.block(FIX)
    assert raw[0x28:0x2B] == b"ASE"
    latitude, longitude = struct.unpack_from("<2f", raw, 0x2C)
    assert degrees(latitude) == pytest.approx(33.85678, abs=1e-5)
    assert degrees(longitude) == pytest.approx(151.21529, abs=1e-5)


def test_fixes_move_as_fast_as_they_say():
    fixes = [fix for fix in synth.fixes_of(synth.Plan()) if fix.is_valid]
    for one, two in zip(fixes, fixes[1:]):
        way = distance_m(one.latitude, one.longitude, two.latitude, two.longitude)
        assert way == pytest.approx((one.speed_mps + two.speed_mps) / 2, abs=0.05)


def test_the_way_driven_is_the_integral_of_the_speed():
    steps = 2000
    driven = sum(synth.speed_mps((k + 0.5) * 20 / steps) for k in range(steps)) * 20 / steps
    assert synth.travelled_m(20) == pytest.approx(driven, abs=1e-3)


def test_our_gps_reader_finds_every_slot(tiny_drive):
    facts = ClipFacts(640, 360, "h264", 3.0, 10.0, 30, 0, False)
    for clip in tiny_drive:
        track = NovatekGps().read(clip, facts)
        assert track is not None
        assert [fix.is_valid for fix in track.fixes] == [fix["is_valid"] for fix in truth(clip)["fixes"]]
        assert [fix.utc for fix in track.fixes] == [fix["utc"] for fix in truth(clip)["fixes"]]


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_exiftool_reads_the_same_places(tiny_drive):
    asked = ["exiftool", "-ee3", "-n", "-p", "$GPSLatitude $GPSLongitude", str(tiny_drive[1])]
    lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split("\n")[:-1]
    wanted = truth(tiny_drive[1])["fixes"]
    assert len(lines) == len(wanted)
    for line, fix in zip(lines, wanted):
        latitude, longitude = map(float, line.split())
        assert distance_m(latitude, longitude, fix["latitude"], fix["longitude"]) < FLOAT32_PLACE_M


def test_a_plate_hidden_by_a_nearer_car_is_not_legible():
    plate = synth_scene.Seen("AB123C", (0.0, 0.0, 100.0, 20.0), True)
    assert synth_scene.behind([plate], [(95, 0, 300, 300)]) == [plate]
    assert [one.is_legible for one in synth_scene.behind([plate], [(70, 0, 300, 300)])] == [False]
    assert synth_scene.behind([plate], [(20, 0, 300, 300)]) == []


def test_plates_differ_where_their_texts_do():
    one, two = draw_plate("AB 234 CE"), draw_plate("AB 234 CF")
    assert one.shape == (112, 520, 3)
    assert cv2.absdiff(one, two)[:, :400].max() < 40 < cv2.absdiff(one, two).max()


def test_a_clip_with_a_second_stream_is_refused():
    mdat = synth_gps.box(b"mdat", b"12345678")
    stsz = synth_gps.box(b"stsz", struct.pack(">4I", 0, 0, 1, 4))
    with pytest.raises(BadInput, match="one stream"):
        synth_gps.with_gps(mdat + synth_gps.box(b"moov", stsz), [], 1)


def test_plate_texts_avoid_signs_that_look_alike():
    texts = "".join(car.text for seed in range(30) for car in synth.cars_of(synth.Plan(seed=seed)))
    assert re.fullmatch(r"[A-Z0-9 ]+", texts)
    assert not set(texts) & set("OQDIZS018")


def test_bearings_stay_on_the_compass():
    assert all(0 <= synth.bearing_deg(k) < 360 and math.isfinite(synth.bearing_deg(k)) for k in range(600))
