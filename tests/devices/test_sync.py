"""Clips come from cameras that drop, stall, cut and lie: whole under their names, or not at all."""

from __future__ import annotations

import random
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dashtools.backends.camera_http import BlackVueCamera, ViofoCamera
from dashtools.backends.mp4 import check_container
from dashtools.devices.card import CardCamera
from dashtools.devices.sync import Wishes, part_of, sync
from dashtools.errors import BadInput, TryLater, UnreadableClip
from dashtools.ports import CameraClip

FAULTS = ("drop", "stall", "truncate", "lie short", "lie long", "refuse", "ignore range")


class MockCamera:
    """A camera on loopback: `faults(name, start)` says what goes wrong with a request, and after how many bytes."""

    def __init__(self, kind: str, clips: dict[str, bytes]) -> None:
        self.kind, self.clips, self.locked = kind, dict(clips), set()
        self.faults = lambda name, start: (None, 0)
        self.is_away = False
        self.requests: list[tuple[str, int]] = []
        self.deleted: list[str] = []
        self.sizes_told: dict[str, int] = {}
        self.release = threading.Event()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_GET(self) -> None:
                camera.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if self.is_away:
            request.connection.close()
            return
        if "cmd=3015" in request.path and self.kind == "viofo":
            self._text(request, self.viofo_listing())
        elif "cmd=4003" in request.path and self.kind == "viofo":
            name = re.split(r"%5C|\\", request.path)[-1]
            self.deleted.append(name)
            self._text(request, "<Function><Cmd>4003</Cmd><Status>0</Status></Function>")
        elif request.path == "/blackvue_vod.cgi" and self.kind == "blackvue":
            self._text(
                request,
                "v:2.00\r\n"
                + "".join(f"n:/Record/{n},s:1000000\r\n" for n in self.clips if n.lower().endswith(".mp4")),
            )
        elif request.path.rpartition("/")[2] in self.clips:
            self._clip(request, request.path.rpartition("/")[2])
        else:
            request.send_error(404)

    def viofo_listing(self) -> str:
        files = "".join(
            f"<File><NAME>{name}</NAME><FPATH>A:\\DCIM\\Movie\\{name}</FPATH>"
            f"<SIZE>{self.sizes_told.get(name, len(content))}</SIZE>"
            f"<TIME>2024/01/01 00:00:{k % 60:02d}</TIME><ATTR>{33 if name in self.locked else 32}</ATTR></File>"
            for k, (name, content) in enumerate(self.clips.items())
        )
        return f'<?xml version="1.0" encoding="UTF-8" ?>\n<LIST><ALLFile>{files}</ALLFile></LIST>'

    def _text(self, request: BaseHTTPRequestHandler, text: str) -> None:
        body = text.encode()
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _clip(self, request: BaseHTTPRequestHandler, name: str) -> None:
        content = self.clips[name]
        match = re.match(r"bytes=(\d+)-", request.headers.get("Range", ""))
        start = int(match[1]) if match else 0
        self.requests.append((name, start))
        fault, after = self.faults(name, start)
        if fault == "refuse":
            request.send_error(503)
            return
        if fault == "ignore range":
            match, start = None, 0
        if start >= len(content) and match:
            request.send_error(416)
            return
        body = content[start:]
        length = len(body) + {"lie short": -min(50, len(body) - 1), "lie long": 50}.get(fault or "", 0)
        request.send_response(206 if match else 200)
        request.send_header("Content-Length", str(length))
        request.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        if match:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.end_headers()
        request.wfile.write(body[:after] if fault in ("drop", "stall", "truncate") else body)
        request.wfile.flush()
        if fault == "stall":
            self.release.wait(20)
        if fault == "drop":
            request.connection.close()


@pytest.fixture(scope="module")
def contents(tmp_path_factory, tiny_drive) -> dict[str, bytes]:
    """Whole small clips by name."""
    whole = tiny_drive[0].read_bytes()
    return {f"2024_0101_1200{k:02d}_{k:03d}F.MP4": whole + _free(k) for k in range(5)}


def _free(number: int) -> bytes:
    return (12).to_bytes(4, "big") + b"skip" + number.to_bytes(4, "big")


@pytest.fixture
def mock():
    made: list[MockCamera] = []

    def make(kind: str, clips: dict[str, bytes]) -> MockCamera:
        made.append(MockCamera(kind, clips))
        return made[-1]

    yield make
    for camera in made:
        camera.close()


def check(path: Path) -> None:
    report = check_container(path)
    if any("file ends at" in finding for finding in report.findings):
        raise UnreadableClip(path.name, report.findings[0])


LONG_S = 60.0  # what a loaded machine may need for an answer


def opened(mock: MockCamera, patience_s: float = LONG_S):
    """The camera, waiting so long for a clip's bytes; its list may take longer, for that never stalls here."""

    class Opened(ViofoCamera if mock.kind == "viofo" else BlackVueCamera):
        @contextmanager
        def fetch(self, *args):
            self.timeout_s = patience_s
            try:
                with super().fetch(*args) as fetched:
                    yield fetched
            finally:
                self.timeout_s = LONG_S

    return Opened(mock.url, timeout_s=LONG_S)


def run(mock: MockCamera, target: Path, wishes: Wishes = Wishes(), *, patience_s: float = LONG_S, **more):  # noqa: B008
    target.mkdir(exist_ok=True)
    return sync(opened(mock, patience_s), target, check, wishes, wait=lambda s: None, **more)


def finals(target: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in target.rglob("*.MP4") if not p.name.startswith(".")}


@pytest.mark.parametrize("kind", ["viofo", "blackvue"])
def test_every_clip_comes_whole_and_the_next_run_asks_for_none(mock, contents, tmp_path, kind):
    camera = mock(kind, contents)
    assert len(run(camera, tmp_path / "raw").taken) == 5
    assert finals(tmp_path / "raw") == contents
    camera.requests.clear()
    assert run(camera, tmp_path / "raw").present == 5 and camera.requests == []
    assert not list((tmp_path / "raw").rglob(".*.part*"))


@pytest.mark.parametrize("kind", ["viofo", "blackvue"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_the_first_answer_still_ends_in_the_same_bytes(mock, contents, tmp_path, kind, fault):
    camera = mock(kind, contents)
    tries: dict[str, int] = {}

    def once(name, start):
        tries[name] = tries.get(name, 0) + 1
        return (fault, 2000) if tries[name] == 1 else (None, 0)

    camera.faults = once
    run(camera, tmp_path / "raw", patience_s=0.5 if fault == "stall" else LONG_S)
    assert finals(tmp_path / "raw") == contents


def test_what_broke_off_goes_on_by_range_in_the_next_run(mock, contents, tmp_path):
    name = next(iter(contents))
    camera = mock("viofo", {name: contents[name]})
    camera.faults = lambda n, start: ("drop", 3000) if start < 9000 else ("refuse", 0)
    done = run(camera, tmp_path / "raw")
    assert not done.taken and done.problems[0][0] == f"Movie/{name}"
    assert part_of(tmp_path / "raw" / "Movie" / name).stat().st_size == 9000
    camera.faults = lambda n, start: (None, 0)
    camera.requests.clear()
    assert len(run(camera, tmp_path / "raw").taken) == 1
    assert camera.requests == [(name, 9000)] and finals(tmp_path / "raw") == {name: contents[name]}


def test_a_clip_that_changed_on_the_camera_is_begun_again(mock, contents, tmp_path):
    (name, old), (_, new), *_ = contents.items()
    camera = mock("viofo", {name: old})
    camera.faults = lambda n, start: ("drop", 3000) if start == 0 else ("refuse", 0)
    run(camera, tmp_path / "raw")
    camera.clips[name], camera.faults = new + _free(99), lambda n, start: (None, 0)
    run(camera, tmp_path / "raw")
    assert finals(tmp_path / "raw") == {name: new + _free(99)}


def test_the_car_that_drives_away_ends_the_run_and_keeps_what_came(mock, contents, tmp_path):
    camera = mock("viofo", contents)
    third = sorted(contents)[2]

    def leaves(name, start):
        if name == third:
            camera.is_away = True
            return "drop", 4000
        return None, 0

    camera.faults = leaves
    with pytest.raises(TryLater, match="went away after 2 clips"):
        run(camera, tmp_path / "raw")
    assert sorted(finals(tmp_path / "raw")) == sorted(contents)[:2]
    camera.is_away, camera.faults = False, lambda n, s: (None, 0)
    run(camera, tmp_path / "raw")
    assert finals(tmp_path / "raw") == contents


def test_a_camera_that_is_off_is_try_later(tmp_path):
    with pytest.raises(TryLater, match="does not answer"):
        sync(ViofoCamera("http://127.0.0.1:9", timeout_s=0.2), tmp_path, check, Wishes())


def test_a_target_that_is_away_is_try_later_and_is_not_made(mock, contents, tmp_path):
    with pytest.raises(TryLater, match="mounted"):
        sync(opened(mock("viofo", contents)), tmp_path / "gone", check, Wishes())
    assert not (tmp_path / "gone").exists()


def test_a_listed_size_that_is_wrong_gives_no_final_name(mock, contents, tmp_path):
    name = next(iter(contents))
    camera = mock("viofo", {name: contents[name]})
    for told in (len(contents[name]) - 10, len(contents[name]) + 10):
        camera.sizes_told[name] = told
        done = run(camera, tmp_path / "raw")
        assert not done.taken and len(done.problems) == 1 and finals(tmp_path / "raw") == {}


def test_a_clip_damaged_on_the_camera_itself_is_taken_when_it_is_twice_the_same(mock, contents, tmp_path):
    name = next(iter(contents))
    damaged = contents[name][: len(contents[name]) // 2]
    camera = mock("viofo", {name: damaged})
    assert len(run(camera, tmp_path / "raw").taken) == 1
    assert finals(tmp_path / "raw") == {name: damaged} and len(camera.requests) == 2


def test_order_is_locked_first_then_by_time_or_newest_first(mock, contents, tmp_path):
    camera = mock("viofo", contents)
    names = sorted(contents)
    camera.locked = {names[3]}
    run(camera, tmp_path / "a")
    assert [name for name, _ in camera.requests] == [names[3], names[0], names[1], names[2], names[4]]
    camera.requests.clear()
    run(camera, tmp_path / "b", Wishes(newest_first=True))
    assert [name for name, _ in camera.requests] == [names[3], names[4], names[2], names[1], names[0]]
    camera.requests.clear()
    run(camera, tmp_path / "c", Wishes(locked_only=True))
    assert [name for name, _ in camera.requests] == [names[3]]


def test_nothing_is_deleted_unless_told_and_then_only_what_is_here(mock, contents, tmp_path):
    camera = mock("viofo", contents)
    bad = sorted(contents)[1]
    run(camera, tmp_path / "a")
    assert camera.deleted == []
    camera.faults = lambda name, start: ("refuse", 0) if name == bad else (None, 0)
    done = run(camera, tmp_path / "b", Wishes(delete_after=True))
    assert sorted(camera.deleted) == sorted(set(contents) - {bad}) and done.deleted == 4


LOGS = {"20240101_000000_N.gps": b"[1704067200000]$GPRMC,000000,V,,,,,,,010124,,,N*4A\r\n" * 60,
        "20240101_000000_N.3gf": bytes(10) * 600}  # fmt: skip


def test_a_blackvues_logs_come_with_its_clips_and_their_absence_is_no_fault(mock, contents, tmp_path):
    whole = next(iter(contents.values()))
    clips = {name: whole + bytes(k) for k, name in enumerate(
        ["20240101_000000_NF.mp4", "20240101_000000_NR.mp4", "20240101_000100_NF.mp4"])}  # fmt: skip
    camera = mock("blackvue", {**clips, **LOGS})
    done = sync(BlackVueCamera(camera.url), tmp_path, lambda path: None, Wishes(), wait=lambda s: None)
    assert done.problems == [] and {path.name for path in done.taken} == set(clips)
    assert {path.name: path.read_bytes() for path in (tmp_path / "Record").iterdir()} == {**clips, **LOGS}
    before = len(camera.requests)
    again = sync(BlackVueCamera(camera.url), tmp_path, lambda path: None, Wishes(), wait=lambda s: None)
    assert (again.present, len(camera.requests)) == (3, before)


def test_a_log_that_breaks_off_holds_its_clip_back_until_both_are_whole(mock, contents, tmp_path):
    clips = {"20240101_000000_NF.mp4": next(iter(contents.values()))}
    camera = mock("blackvue", {**clips, **LOGS})
    camera.faults = lambda name, start: ("refuse", 0) if name.endswith(".3gf") else (None, 0)
    done = sync(BlackVueCamera(camera.url), tmp_path, lambda path: None, Wishes(), wait=lambda s: None)
    assert done.taken == [] and [path for path, _ in done.problems] == ["Record/20240101_000000_NF.mp4"]
    camera.faults = lambda name, start: (None, 0)
    done = sync(BlackVueCamera(camera.url), tmp_path, lambda path: None, Wishes(), wait=lambda s: None)
    assert [path.name for path in done.taken] == list(clips)
    assert (tmp_path / "Record" / "20240101_000000_N.3gf").read_bytes() == LOGS["20240101_000000_N.3gf"]


def test_a_blackvue_offers_no_way_to_delete():
    with pytest.raises(BadInput, match="cannot delete"):
        BlackVueCamera("127.0.0.1").delete(CameraClip("a.mp4", "/Record/a.mp4"))


@pytest.mark.parametrize("path", ["A:\\DCIM\\..\\..\\etc\\x.MP4", "A:\\DCIM\\Movie\\.x.MP4", "A:\\DCIM\\x.txt", ""])
def test_a_name_that_leads_elsewhere_or_is_no_clip_is_left_out(mock, path):
    from dashtools.backends.camera_http import novatek_listing

    assert novatek_listing(f"<LIST><File><FPATH>{path}</FPATH><SIZE>1</SIZE></File></LIST>") == []


def test_a_formatted_cards_name_that_comes_again_is_kept_beside(mock, contents, tmp_path):
    name = next(iter(contents))
    camera = mock("viofo", {name: contents[name]})
    run(camera, tmp_path / "raw")
    other = contents[name] + _free(7)
    camera.clips[name] = other
    run(camera, tmp_path / "raw")
    stem = name.removesuffix(".MP4")
    assert finals(tmp_path / "raw") == {name: contents[name], f"{stem}-{len(other)}.MP4": other}
    assert run(camera, tmp_path / "raw").taken == []


def test_two_hundred_transfers_over_a_bad_line_end_whole_or_not_at_all(mock, contents, tmp_path):
    """And at no moment does a short file have a final name: each is looked at the moment it appears."""
    luck = random.Random(20240101)
    seen: list[bool] = []
    for round_ in range(20):
        kind = ("viofo", "blackvue")[round_ % 2]
        names = {f"{k}_{name}": content for k in (0, 1) for name, content in contents.items()}
        camera = mock(kind, names)

        def faults(name, start):
            fault = luck.choice((None, None, *FAULTS[:2], *FAULTS[2:] * 2))
            return (None, 0) if fault == "stall" and luck.random() < 0.9 else (fault, luck.randrange(30_000))

        camera.faults = faults
        target = tmp_path / f"raw{round_}"
        target.mkdir()
        look = lambda path, names=names: seen.append(path.read_bytes() == names[path.name])  # noqa: E731
        sync(opened(camera, 0.5), target, check, Wishes(), wait=lambda s: None, taken=look)
        for name, content in finals(target).items():
            assert content == names[name]
    assert all(seen) and len(seen) > 150


def test_a_card_gives_its_clips_and_the_logs_beside_them(tmp_path, contents):
    card, target = tmp_path / "card", tmp_path / "raw"
    (card / "DCIM" / "Movie" / "RO").mkdir(parents=True)
    target.mkdir()
    first, second = sorted(contents)[:2]
    (card / "DCIM" / "Movie" / first).write_bytes(contents[first])
    (card / "DCIM" / "Movie" / "RO" / second).write_bytes(contents[second])
    (card / "DCIM" / "Movie" / "a.gps").write_text("log")
    (card / "GPSData000001.txt").write_text("$V02\n")
    order: list[str] = []
    done = sync(CardCamera(card), target, check, Wishes(delete_after=True), taken=lambda path: order.append(path.name))
    assert order[0] == second and done.deleted == 4
    assert finals(target) == {name: contents[name] for name in (first, second)}
    assert (target / "Movie" / "a.gps").read_text() == "log" and (target / "GPSData000001.txt").exists()
    assert not list(card.rglob("*.MP4"))
