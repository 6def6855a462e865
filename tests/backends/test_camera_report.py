"""The report for strangers: structure, and nothing that says where, when or whom."""

from __future__ import annotations

import json
import os
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashtools.backends.camera_report import hidden, report
from dashtools.backends.gps import readers
from dashtools.stages.ingest import read_track


def test_the_structure_and_the_gps_signature_are_told(tiny_drive):
    said = report(tiny_drive[0])
    kinds = [box["type"] for box in said["boxes"]]
    assert {"ftyp", "mdat", "moov"} <= set(kinds)
    moov = next(box for box in said["boxes"] if box["type"] == "moov")
    assert {"trak", "gps "} <= {box["type"] for box in moov["boxes"]}
    assert said["marks"]["freeGPS"] == 3
    assert "freeGPS " in said["gps_blocks"][0]["shape"]
    assert said["gps_readers"][0]["reader"] == "novatek"
    assert re.fullmatch(r"[9A_]+\.MP4", said["name_pattern"])


def test_no_digit_of_a_sentence_and_no_unknown_word_is_shown():
    assert hidden(b"$GPRMC,191450.00,A,5357.14375,N SERIALNO ab12") == "$GPRMC,999999.99,a,9999.99999,a aaaaaaaa aa99"


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "secrets"),
    [
        ("gps_assembled/20170708_221449_NF.mp4", ["53.95", "5357", "27.68", "02740", "20170708", "221449"]),
        ("gps/ligogps-trailer__real-anonymized.mp4", ["48.1001", "002.1", "2026/08"]),
        ("gps/juscar__real-anonymized.TS", ["2026/05", "15:08"]),
        ("gps_tiny_synthetic/QuickTime_text_thinkware.mov", ["4529", "07337", "310819"]),
    ],
)
def test_no_place_and_no_time_of_a_real_clip_is_in_its_report(realdata, name, secrets):
    text = json.dumps(report(realdata / name))
    assert not [secret for secret in secrets if secret in text]


@pytest.mark.realdata
def test_a_broken_clip_has_a_report_too(realdata):
    for path in (realdata / "broken").iterdir():
        said = report(path)
        assert said["container"]["findings"] or said["container"]["format"]


@pytest.mark.realdata
def test_no_position_that_a_reader_finds_is_in_any_report(realdata, clip_facts):
    clips = [path for path in sorted(realdata.glob("gps*/*")) if path.suffix.lower() in (".mp4", ".ts", ".mov")]
    assert len(clips) >= 15
    for path in clips:
        text = json.dumps(report(path))
        track = read_track([reader for reader in readers() if reader.name != "exiftool"], path, clip_facts())
        for fix in [fix for fix in track.fixes if fix.is_valid][:100]:
            for angle in (abs(fix.latitude), abs(fix.longitude)):
                ddmm = int(angle) * 100 + angle % 1 * 60
                assert not [said for said in (f"{angle:.3f}", f"{ddmm:.2f}", f"{ddmm * 1000:.0f}") if said in text]


def test_nothing_of_a_picture_is_in_the_report(tmp_path, timed_mp4):
    path = tmp_path / "a.mp4"
    path.write_bytes(timed_mp4(b"avc1", b"vide", [b"\0\0\0\x20SecretPixels4711" * 20] * 3))
    text = json.dumps(report(path))
    assert "Secret" not in text and "4711" not in text and hidden(b"SecretPixels4711") not in text
    assert len(text) < 4000


@given(st.binary(max_size=3000))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_has_a_report_and_its_digits_are_hidden(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content + b"freeGPS 52.190 20.789 $GPRMC,4711")
    text = json.dumps(report(path))
    assert "52.190" not in text and "GPRMC,4711" not in text


@pytest.mark.parametrize("head", [b"52.19058,20.78948\n", b"N:52 E:20\n"])
def test_the_head_of_a_text_is_neither_a_box_nor_shown(tmp_path, head):
    path = tmp_path / "a.mp4"
    path.write_bytes(head * 50)
    said = report(path)
    assert said["boxes"] == [] and "size_bytes" in said
    for k in range(len(head) - 3):
        assert head[k : k + 4].hex(" ") not in json.dumps(said) and head[k : k + 4].decode() not in json.dumps(said)


def test_a_name_that_is_no_utf8_has_a_pattern_too(tmp_path):
    path = tmp_path / os.fsdecode(b"a\xff1.mp4")
    path.write_bytes(b"")
    assert json.dumps(report(path)["name_pattern"]).isascii() and "1" not in report(path)["name_pattern"]
