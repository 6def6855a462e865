"""dc-notify: each alert at least once whatever is killed, never again once it was taken; nothing of a plate in logs."""

import contextlib
import importlib.util
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest

from dashtools.backends.webhook import ALERT, SIGNATURE, STAMP, signature
from dashtools.commands._notify import Notifier, due
from dashtools.commands._run import status_of
from dashtools.commands.notify import command
from dashtools.config import load
from dashtools.config_secrets import Secrets
from dashtools.devices.storages import create_storage
from dashtools.errors import TryLater
from dashtools.index import store
from dashtools.index.refresh import refresh
from dashtools.spool import alerts, notes

ROOT = Path(__file__).resolve().parents[2]
CROP = b"\xff\xd8 a picture"


def _library_class():
    spec = importlib.util.spec_from_file_location("index_library", ROOT / "tests" / "index" / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Library


class House:
    """A spool whose clips show plates, their crops on a storage, and this host's files."""

    def __init__(self, root):
        self.root = root
        self.environ = {"DASHTOOLS_DATA": str(root / "kept")}
        self.library = _library_class()(root / "spool", root / "kept" / "unused.db")
        self.spool = self.library.spool
        self.host_file = root / "host.json"
        for name in ("indoor_nas", "shed_nas"):
            (root / name).mkdir()
            create_storage(root / name, name)
        self.own = {}
        self.say()

    def say(self, shared=None, **own):
        self.own |= own
        storages = {name: str(self.root / name) for name in ("indoor_nas", "shed_nas")}
        host = {"device_id": "one", "storages": storages, "notifications": self.own}
        document = {"host": host, "global": {"notifications": shared or {}}}
        self.host_file.write_bytes(orjson.dumps(document))

    def secret(self, **values):
        path = self.config.state_dir / "secrets.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(values))
        path.chmod(0o600)

    @property
    def config(self):
        return load(self.root / "spool", self.host_file, environ=self.environ)

    def sees(self, *plates, name="clip"):
        """A clip in which these plates are seen; gives the sighting ids."""
        video_id = self.library.add(f"{name}.mp4", plates=list(plates), recorded_at="2026-01-02T03:04:05Z")
        self.library.work()
        for path in self.crops(video_id):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(CROP)
        return [f"{video_id}.t{number:03d}" for number in range(len(plates))]

    def crops(self, video_id):
        for entry in self.spool.completed():
            task = self.spool.load(entry)
            if task.video_id == video_id:
                yield from (self.root / ref.device / ref.path for ref in task.outputs if ref.type == "plate_crop")

    def lists(self, plate, name="watch"):
        notes.say(self.spool, "list", f"plate:{plate}", name, by="test")

    @contextlib.contextmanager
    def index(self):
        config = self.config
        refresh(self.root / "spool", config.state_dir / "index.db")
        connection = store.open_reading(config.state_dir / "index.db")
        try:
            yield connection
        finally:
            connection.close()

    def due(self):
        with self.index() as connection:
            return [(a.hit.sighting.plate, a.hit.entry, a.hit.reason) for a in due(self.spool, self.config, connection)]

    def argv(self, *words):
        return [*words, "--spool", str(self.root / "spool"), "--config", str(self.host_file)]


class Receiver:
    """A loopback HTTP server that remembers what it was posted; `answers` are used up first, then 204."""

    def __init__(self, answers=()):
        self.posts, self.answers, receiver = [], list(answers), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.append((dict(self.headers), body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?token=hidden"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def ids(self):
        return [headers[ALERT] for headers, _ in self.posts]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setenv("DASHTOOLS_DATA", str(tmp_path / "kept"))
    return House(tmp_path)


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def notify(house, capfd):
    def run(*words):
        status = status_of(command, "dc-notify", house.argv(*words))
        done = capfd.readouterr()
        return status, done.out.splitlines(), done.err

    return run


# -- what is due ------------------------------------------------------------------------------------------------------


def test_look_alikes_of_a_watched_plate_are_due_and_the_nearest_entry_names_why(house):
    house.lists("AB12CDE")
    house.lists("A812CDE")
    house.sees("A812CDE", "AB12C0E", "XY99ZZZ")
    assert sorted(house.due()) == [
        ("A812CDE", "A812CDE", "exactly this"),
        ("AB12C0E", "A812CDE", "look-alikes: B for 8, 0 for D"),
    ]


@pytest.mark.parametrize(
    "way,plates",
    [
        ("exact", {"AB12CDE"}),
        ("look_alikes", {"AB12CDE", "A812CDE"}),
        ("near", {"AB12CDE", "A812CDE", "AB13CDE"}),
    ],
)
def test_the_key_match_says_how_far_a_plate_may_be_from_an_entry(house, way, plates):
    house.say({"match": way})
    house.lists("AB12CDE")
    house.sees("AB12CDE", "A812CDE", "AB13CDE")
    assert {plate for plate, _, _ in house.due()} == plates


def test_a_known_plate_that_looks_like_a_watched_one_is_not_due(house):
    house.lists("AB12CDE")
    house.lists("AB12C0E", "known")
    house.sees("AB12CDE", "AB12C0E")
    assert [plate for plate, _, _ in house.due()] == ["AB12CDE"]


def test_only_what_was_read_after_the_plate_was_listed_is_due_or_so_many_days_before(house, monkeypatch):
    house.sees("AB12CDE")
    real = house.spool.now()
    monkeypatch.setattr(type(house.spool), "now", lambda spool: real.replace(year=real.year + 1))
    house.lists("AB12CDE")
    assert house.due() == []
    house.say({"past_days": 400})
    assert len(house.due()) == 1


def test_min_confidence_leaves_weak_readings_out(house):
    house.lists("AB12CDE")
    house.sees("AB12CDE")
    house.say({"min_confidence": 0.95})
    assert house.due() == []


# -- the webhook ------------------------------------------------------------------------------------------------------


def test_a_post_is_signed_carries_crop_and_link_and_comes_once(house, receiver, notify):
    house.say({"link_base": "http://nas:8001/"}, webhook_url=receiver.url)
    house.secret(webhook_key="00ff" * 16)
    house.lists("AB12CDE")
    (sighting_id,) = house.sees("AB12CDE")
    assert notify()[0] == 0 and notify()[0] == 0
    ((headers, body),) = receiver.posts
    assert headers[SIGNATURE] == signature(bytes.fromhex("00ff" * 16), headers[STAMP], body)
    told = json.loads(body)
    assert headers[ALERT] == told["alert_id"] == alerts.alert_id(sighting_id, "AB12CDE")
    assert told["link"] == f"http://nas:8001/sighting/{sighting_id}"
    assert told["plate"] == told["listed"] == "AB12CDE" and told["latitude"] == 52.0002
    assert told["crop"]["content_type"] == "image/jpeg" and told["crop"]["base64"]


def test_without_with_crop_no_picture_goes_out(house, receiver, notify):
    house.say({"with_crop": False}, webhook_url=receiver.url)
    house.lists("AB12CDE")
    house.sees("AB12CDE")
    notify()
    assert json.loads(receiver.posts[0][1])["crop"] is None


def notifier(house, *channels, **options):
    return Notifier(house.spool, house.config, channels, **{"wait": lambda seconds: None, **options})


def webhook(house, receiver):
    from dashtools.backends.webhook import Webhook

    return Webhook(receiver.url, None, timeout_s=10)


def test_a_receiver_in_trouble_is_tried_again_with_growing_pauses_under_the_same_id(house):
    receiver = Receiver([500, 429, 503])
    house.lists("AB12CDE")
    house.sees("AB12CDE")
    pauses = []
    with house.index() as connection:
        assert notifier(house, webhook(house, receiver), wait=pauses.append).round(connection) == 0
    receiver.close()
    assert pauses == [1.0, 2.0, 4.0]
    assert len(receiver.ids()) == 4 and len(set(receiver.ids())) == 1


def test_a_channel_that_does_not_answer_rests_longer_each_time_and_the_others_go_on(house, receiver):
    class Dead:
        name = "dead"
        calls = 0

        def send(self, alert_id, body, crop=None):
            self.calls += 1
            raise TryLater("away")

    house.lists("AB12CDE")
    house.sees("AB12CDE", "AB12CDE")
    now, dead = [0.0], Dead()
    tried = notifier(house, dead, webhook(house, receiver), clock=lambda: now[0])
    with house.index() as connection:
        assert tried.round(connection) == 2
        assert (dead.calls, len(receiver.posts), tried.rest_s(60.0)) == (4, 2, 30.0)
        now[0] = 30.0
        assert tried.round(connection) == 2
    assert (dead.calls, len(receiver.posts), tried.rest_s(90.0)) == (8, 2, 60.0)


def test_a_redirect_is_not_followed_and_status_75_says_that_something_is_left(house, notify, monkeypatch):
    monkeypatch.setattr("dashtools.commands._notify.TRIES_S", ())
    receiver = Receiver([302])
    house.say(webhook_url=receiver.url)
    house.lists("AB12CDE")
    house.sees("AB12CDE")
    status, out, err = notify()
    receiver.close()
    assert (status, out, len(receiver.posts)) == (75, [], 1) and "answered 302" in err


def test_logs_and_results_hold_no_plate_no_place_and_no_path_of_the_url(house, receiver, notify, monkeypatch):
    monkeypatch.setattr("dashtools.commands._notify.TRIES_S", ())
    receiver.answers = [500]
    house.say(webhook_url=receiver.url)
    house.lists("AB12CDE")
    house.sees("AB12CDE")
    told = [*notify("-vv"), *notify("-vv")]
    text = "\n".join(str(part) for part in told)
    assert "127.0.0.1" in text and "webhook: 204" in text
    assert not any(word in text for word in ("AB12CDE", "52.0", "hook?", "hidden"))


def test_an_alert_acknowledged_by_hand_is_sent_to_nobody(house, receiver, notify):
    house.say(webhook_url=receiver.url)
    house.lists("AB12CDE")
    (sighting_id,) = house.sees("AB12CDE")
    (line,) = notify("pending")[1]
    assert notify("ack", line.split()[0])[0] == 0
    assert notify()[0] == 0 and receiver.posts == [] and notify("pending")[1] == []


def test_a_clip_that_is_worked_on_anew_raises_no_second_alert(house, receiver, notify):
    house.say(webhook_url=receiver.url)
    house.lists("AB12CDE")
    (sighting_id,) = house.sees("AB12CDE")
    notify()
    house.library.requeue("HEAVY_PROCESS_VIDEO", sighting_id.partition(".")[0])
    house.library.work()
    notify()
    assert len(receiver.posts) == 1


def test_the_url_comes_from_the_hosts_file_alone(house, receiver, monkeypatch):
    monkeypatch.setenv("DASHTOOLS_NOTIFICATIONS", json.dumps({"match": "exact"}))
    assert house.config.notifications == {}
    house.say(webhook_url=receiver.url)
    assert house.config.notifications == {"webhook_url": receiver.url}
    assert receiver.url not in json.dumps(house.config.values())


def test_without_any_receiver_the_command_says_where_to_name_one(house, notify):
    status, _, err = notify()
    assert status == 78 and "webhook_url" in err and "secrets.json" in err


def test_secrets_that_others_can_read_are_refused(house):
    house.secret(webhook_key="00")
    (house.config.state_dir / "secrets.json").chmod(0o644)
    status = status_of(command, "dc-notify", house.argv())
    assert status == 78
    made = Secrets(house.root / "own" / "secrets.json")
    assert made.made_key("privacy_key") == made.made_key("privacy_key")
    assert made.path.stat().st_mode & 0o077 == 0


def test_a_preview_shows_what_an_entry_would_mean_and_sends_nothing(house, receiver, notify):
    house.say(webhook_url=receiver.url)
    house.sees("AB12CDE", "A812CDE", "AB13CDE")
    assert [line.split()[0] for line in sorted(notify("preview", "ab12 cde")[1])] == ["A812CDE", "AB12CDE"]
    assert len(notify("preview", "AB12CDE", "--match", "near")[1]) == 3
    assert receiver.posts == []


# -- killed at random moments -----------------------------------------------------------------------------------------


def run_and_kill(house, after_s):
    """dc-notify in a process of its own, killed -9 after some time unless it ended."""
    argv = [sys.executable, str(ROOT / "bin" / "dc-notify"), *house.argv()]
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ})
    try:
        return child.wait(after_s)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        return child.wait()


def killed_until_done(house, receiver, kills, seed):
    """Kills it at random moments, then lets it finish; gives how often each alert came."""
    house.say(webhook_url=receiver.url)
    house.lists("AB12CDE")
    house.sees(*["AB12CDE"] * 6)
    started = time.monotonic()
    assert run_and_kill(house, 120) == 0  # how long a whole run takes here
    whole_s = time.monotonic() - started
    for path in (house.root / "spool" / "notes" / "alerts").rglob("*.json"):
        path.unlink()
    receiver.posts.clear()
    draw, statuses = random.Random(seed), []
    for _ in range(kills):
        statuses.append(run_and_kill(house, draw.uniform(0.3, 1.0) * whole_s))
    assert run_and_kill(house, 120) == 0
    ids = receiver.ids()
    assert run_and_kill(house, 120) == 0
    assert receiver.ids() == ids, "an alert was sent again after all were acknowledged"
    return {alert: ids.count(alert) for alert in ids}, statuses


@pytest.mark.slow
def test_killed_at_random_moments_each_alert_comes_at_least_once_and_never_after_its_acknowledgement(house, receiver):
    counts, statuses = killed_until_done(house, receiver, 12, seed=7)
    assert len(counts) == 6 and all(count >= 1 for count in counts.values())
    assert -signal.SIGKILL in statuses
    taken = {path.name.partition(".")[0] for path in (house.root / "spool" / "notes" / "alerts").rglob("*.json")}
    assert taken == set(counts)


# -- MQTT and Apprise -------------------------------------------------------------------------------------------------


@pytest.fixture
def broker(tmp_path):
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed (extra mqtt)")
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("no mosquitto on this machine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    conf = tmp_path / "mosquitto.conf"
    conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    child = subprocess.Popen([program, "-c", str(conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert child.poll() is None and time.monotonic() < end, "mosquitto did not start"
        yield port
    finally:
        child.terminate()
        child.wait(60)


class Subscriber:
    """Remembers every message of a broker."""

    def __init__(self, port):
        import paho.mqtt.client as paho

        self.messages, self._arrived = [], threading.Condition()
        subscribed = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *words: subscribed.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe("#", qos=1)
        assert subscribed.wait(60)

    def _on_message(self, client, userdata, message):
        with self._arrived:
            self.messages.append((message.topic, message.payload, message.retain))
            self._arrived.notify_all()

    def on(self, topic, count=1):
        """Messages of a topic, once there are so many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self._of(topic)) >= count, 60)
            return self._of(topic)

    def _of(self, topic):
        return [payload for name, payload, _ in self.messages if name == topic]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def test_home_assistant_is_told_how_to_find_the_alerts_and_gets_each_once(house, broker, notify):
    house.say(mqtt_url=f"mqtt://127.0.0.1:{broker}")
    house.lists("AB12CDE")
    (sighting_id,) = house.sees("AB12CDE")
    listener = Subscriber(broker)
    status, out, _ = notify()
    assert status == 0 and out[0].endswith("mqtt: PUBACK")
    (config,) = listener.on("homeassistant/event/dashtools/watched_plate/config")
    assert json.loads(config)["state_topic"] == "dashtools/alert" and b"AB12" not in config
    (image,) = listener.on("homeassistant/image/dashtools/plate_crop/config")
    assert json.loads(image)["image_topic"] == "dashtools/crop"
    assert listener.on("dashtools/crop") == [CROP]
    (event,) = listener.on("dashtools/alert")
    told = json.loads(event)
    assert told["event_type"] == "watched_plate" and told["alert_id"] == alerts.alert_id(sighting_id, "AB12CDE")
    assert notify()[:2] == (0, [])
    listener.close()


def test_a_topic_and_a_discovery_prefix_of_ones_own_are_used(house, broker, notify):
    house.say(mqtt_url=f"mqtt://127.0.0.1:{broker}", mqtt_topic="cars/front", mqtt_discovery_prefix="ha")
    house.lists("AB12CDE")
    house.sees("AB12CDE")
    listener = Subscriber(broker)
    assert notify()[0] == 0
    assert listener.on("cars/front/alert") and listener.on("ha/event/cars_front/watched_plate/config")
    listener.close()


def test_a_broker_that_is_away_leaves_the_alert_due(house, notify, monkeypatch):
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed (extra mqtt)")
    monkeypatch.setattr("dashtools.commands._notify.TRIES_S", ())
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        house.say(mqtt_url=f"mqtt://127.0.0.1:{closed.getsockname()[1]}")
        house.lists("AB12CDE")
        house.sees("AB12CDE")
        status, _, err = notify()
    assert status == 75 and "cannot be reached" in err
    assert len(notify("pending")[1]) == 1


@pytest.mark.slow
def test_killed_at_random_moments_the_broker_gets_each_alert_at_least_once(house, broker):
    house.say(mqtt_url=f"mqtt://127.0.0.1:{broker}")
    house.lists("AB12CDE")
    house.sees(*["AB12CDE"] * 6)
    listener, draw = Subscriber(broker), random.Random(11)
    started = time.monotonic()
    assert run_and_kill(house, 120) == 0
    whole_s = time.monotonic() - started
    for path in (house.root / "spool" / "notes" / "alerts").rglob("*.json"):
        path.unlink()
    before = len(listener.on("dashtools/alert", 6))
    for _ in range(8):
        run_and_kill(house, draw.uniform(0.3, 1.0) * whole_s)
    assert run_and_kill(house, 120) == 0
    again = [json.loads(payload)["alert_id"] for payload in listener.on("dashtools/alert", before + 6)[before:]]
    assert len(set(again)) == 6
    sent = len(listener.messages)
    assert run_and_kill(house, 120) == 0
    assert len(listener.messages) == sent
    listener.close()


def test_apprise_is_given_title_text_and_crop(house, notify, receiver):
    pytest.importorskip("apprise", reason="apprise is not installed (extra notify)")
    house.secret(apprise_urls=[receiver.url.replace("http://", "json://")])
    house.lists("AB12CDE")
    house.sees("AB12CDE")
    status, out, _ = notify()
    assert status == 0 and out[0].endswith("apprise: notified")
    told = json.loads(receiver.posts[0][1])
    assert told["title"] == "Watched plate AB12CDE" and told["attachments"]
    assert notify()[:2] == (0, []) and len(receiver.posts) == 1
