"""Devices and storages as people see them."""

from __future__ import annotations

import orjson

from dashtools.errors import TryLater
from dashtools.web.storage_page import Going, Gone, Report
from dashtools.web.tokens import Tokens


def test_a_device_shows_what_it_can_do_and_what_it_holds(desk):
    device = {"device_id": "jetson", "device_type": "jetson_coral", "capabilities": {"has_tpu": True, "cpu_cores": 6}}
    device |= {"task_types_supported": ["PREPROCESS_VIDEO"], "status": {}}
    spool = desk.library.spool
    spool.files.write("devices/jetson.json", orjson.dumps(device))
    worker = {"host": "jetson", "device_id": "jetson", "holds": "pending/PREPROCESS_VIDEO/any/5/x.run~w", "beat": 3}
    spool.files.write("workers/jetson~1~2.json", orjson.dumps(worker))
    text = " ".join(desk.get("/devices").text.split())
    assert "jetson_coral" in text and "filter frames" in text and "has tpu" in text and "cpu cores 6" in text
    assert "works on: filter frames" in text and "working</span>" in text


def test_the_devices_page_says_when_the_spool_is_away(desk):
    desk.datasette  # noqa: B018  made before the spool goes
    (desk.library.root / "VERSION").rename(desk.library.root / "away")
    page = desk.get("/devices")
    assert page.status_code == 200 and "the spool is away" in page.text


def test_storages_show_their_room_and_a_report_only_when_asked(desk):
    asked = []

    def report():
        asked.append(1)
        going = Going("raw_videos", "indoor_nas", "raw/old.mp4", "old-0a1b2c3d", 5 << 30, "100.0 days old")
        gone = Gone("raw/older.mp4", "indoor_nas", "older", 1, "2024-01-01T00:00:00Z", "age")
        young = Going("raw_videos", "indoor_nas", "raw/new.mp4", "new", 1, "2.0 days old, kept for 90")
        return Report((going,), (young, young), (gone,))

    desk.options["retention"] = report
    desk.roots["shed_nas"].rename(desk.folder / "unplugged")
    text = desk.get("/storage").text
    assert asked == [] and "not mounted on this host" in text and "used of indoor_nas" in text
    text = desk.get("/storage?report=1").text
    assert "5.0 GiB" in text and "raw/old.mp4" in text and "2: too young" in text and "raw/older.mp4" in text


def test_a_report_that_cannot_be_made_says_why(desk):
    def report():
        raise TryLater("this host's clock is off")

    desk.options["retention"] = report
    assert "this host&#39;s clock is off" in desk.get("/storage?report=1").text


def test_a_reader_is_not_told_folders_of_this_host(desk):
    def report():
        raise TryLater("/mnt/secret is not mounted")

    tokens = desk.options["tokens"] = Tokens(desk.folder / "local" / "tokens.json")
    desk.options["retention"] = report
    page = desk.get("/storage?report=1", headers={"authorization": f"Bearer {tokens.add('eve', 'read')}"})
    assert "is away" in page.text and "/mnt/secret" not in page.text
