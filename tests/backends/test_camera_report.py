"""The report for strangers: structure, and nothing that says where, when or whom."""

from __future__ import annotations

import json
import re

import pytest

from dashtools.backends.camera_report import hidden, report


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
