"""Alerts for watched plates: what is new, to every channel that has not taken it yet."""

from __future__ import annotations

import base64
import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import orjson

from dashtools.config import Config
from dashtools.config_secrets import Secrets
from dashtools.devices import storages
from dashtools.errors import BadConfig, BadInput, InputMissing, TryLater
from dashtools.index import queries, watch
from dashtools.index.moments import parsed
from dashtools.log import LOGGER
from dashtools.model import FileRef, Json
from dashtools.spool import alerts, notes
from dashtools.spool.queue import Spool

CROP_MAX_BYTES = 256 * 1024
CLOCKS_MAY_DIFFER = timedelta(minutes=10)
TRIES_S = (1.0, 2.0, 4.0)
LONGEST_WAIT_S = 3600.0
_PICTURES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}


class Channel(Protocol):
    """A receiver of alerts."""

    name: str

    def send(self, alert_id: str, body: bytes, crop: tuple[str, bytes] | None = None) -> str:
        """What it answered when it took the alert; TryLater when it did not."""
        ...


@dataclass(frozen=True)
class Alert:
    """A sighting of a watched plate, under its stable id."""

    alert_id: str
    hit: watch.Hit


@contextlib.contextmanager
def channels_of(config: Config) -> Iterator[list[Channel]]:
    """The receivers that this host's own file and secrets name; BadConfig when there is none."""
    own, secrets = config.notifications, Secrets.of(config)
    found: list[Channel] = []
    with contextlib.ExitStack() as stack:
        if own.get("webhook_url"):
            from dashtools.backends.webhook import Webhook

            found.append(Webhook(own["webhook_url"], secrets.key("webhook_key")))
        if own.get("mqtt_url"):
            from dashtools.backends.mqtt import MqttBroker

            options = {"password": secrets.get("mqtt_password"), "topic": own.get("mqtt_topic", "dashtools")}
            prefix = own.get("mqtt_discovery_prefix", "homeassistant")
            found.append(stack.enter_context(MqttBroker(own["mqtt_url"], **options, discovery_prefix=prefix)))
        if secrets.get("apprise_urls"):
            from dashtools.backends.apprise_urls import AppriseUrls

            found.append(AppriseUrls(secrets.get("apprise_urls")))
        if not found:
            raise BadConfig(
                f"no receiver: set host.notifications.webhook_url or .mqtt_url in {config.host_file}, "
                f"or apprise_urls in {secrets.path}"
            )
        yield found


def due(spool: Spool, config: Config, connection: sqlite3.Connection) -> list[Alert]:
    """An alert for each sighting of a watched plate whose clip was read after the plate was listed, oldest first."""
    rules, said = config.global_settings["notifications"], list(notes.said(spool))
    current = notes.current(said)
    listed = {subject.partition(":")[2]: note for (kind, subject), note in current.items() if kind == "list"}
    watched = {plate: note.at for plate, note in listed.items() if note.value == "watch"}
    others = {plate for plate, note in listed.items() if note.value != "watch"}
    before = timedelta(days=float(rules["past_days"])) + CLOCKS_MAY_DIFFER
    found = []
    for hit in watch.hits(connection, watched, rules["match"], but=others, min_confidence=rules["min_confidence"]):
        stored, listed_at = parsed(hit.sighting.stored_at), parsed(watched[hit.entry])
        if stored is None or listed_at is None or stored >= listed_at - before:
            found.append(Alert(alerts.alert_id(hit.sighting.sighting_id, hit.entry), hit))
    return found


@dataclass
class Notifier:
    """Sends what is due; a channel that does not answer rests longer each time, the others go on."""

    spool: Spool
    config: Config
    channels: Sequence[Channel]
    told: Callable[[Alert, str, str], None] = lambda alert, channel, answer: None
    wait: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _rests_until: dict[str, float] = field(default_factory=dict)
    _failures: dict[str, int] = field(default_factory=dict)

    def round(self, connection: sqlite3.Connection) -> int:
        """Sends every alert to every channel that has not taken it; how many could not be sent."""
        left = 0
        for alert in due(self.spool, self.config, connection):
            missing = [c for c in self.channels if not alerts.is_acknowledged(self.spool, alert.alert_id, c.name)]
            if not missing:
                continue
            crop = self._crop(connection, alert)
            body = orjson.dumps(content(alert, crop, self.config.global_settings["notifications"]["link_base"]))
            left += sum(not self._send(channel, alert, body, crop) for channel in missing)
        return left

    def rest_s(self, usual_s: float) -> float:
        """How long to wait for the next round, given how long it would be if every channel were well."""
        ends = [end - self.clock() for end in self._rests_until.values()]
        return min([usual_s, *(max(0.1, end) for end in ends)])

    def _send(self, channel: Channel, alert: Alert, body: bytes, crop: tuple[str, bytes] | None) -> bool:
        """Whether it was taken, which is then written down for good."""
        if self._rests_until.get(channel.name, 0.0) > self.clock():
            return False
        for pause_s in (*TRIES_S, None):
            try:
                answer = channel.send(alert.alert_id, body, crop)
            except TryLater as error:
                if pause_s is None:
                    self._rest(channel.name, error)
                    return False
                self.wait(pause_s)
                continue
            alerts.acknowledge(self.spool, alert.alert_id, channel.name, answer)
            self._failures.pop(channel.name, None)
            self._rests_until.pop(channel.name, None)
            self.told(alert, channel.name, answer)
            return True
        raise AssertionError

    def _rest(self, channel: str, error: TryLater) -> None:
        self._failures[channel] = self._failures.get(channel, 0) + 1
        rest_s = min(LONGEST_WAIT_S, 15.0 * 2 ** self._failures[channel])
        self._rests_until[channel] = self.clock() + rest_s
        LOGGER.warning("%s; the next try is in %.0f s", error, rest_s)

    def _crop(self, connection: sqlite3.Connection, alert: Alert) -> tuple[str, bytes] | None:
        """The picture of the plate with its media type; None where it is unwanted, away or too large."""
        crop_id = alert.hit.sighting.crop_id
        media = queries.artifact(connection, crop_id) if crop_id else None
        if media is None or not self.config.global_settings["notifications"]["with_crop"]:
            return None
        kind = _PICTURES.get(media.path[media.path.rfind(".") :].lower())
        try:
            path = storages.resolve(self.config, FileRef(media.storage, media.path, media.type))
            return (kind, path.read_bytes()) if kind and path.stat().st_size <= CROP_MAX_BYTES else None
        except (TryLater, InputMissing, BadInput, OSError) as error:
            LOGGER.warning("alert %s goes without its crop: %s", alert.alert_id, error)
            return None


def content(alert: Alert, crop: tuple[str, bytes] | None, link_base: str | None) -> Json:
    """What a receiver gets."""
    hit, seen = alert.hit, alert.hit.sighting
    picture = None if crop is None else {"content_type": crop[0], "base64": base64.b64encode(crop[1]).decode()}
    return {
        "schema": "alert/1",
        "alert_id": alert.alert_id,
        "listed": hit.entry,
        "plate": seen.plate,
        "reason": hit.reason,
        "confidence": seen.confidence,
        "seen_at": seen.seen_at,
        "latitude": seen.latitude,
        "longitude": seen.longitude,
        "sighting_id": seen.sighting_id,
        "video_id": seen.video_id,
        "clip": seen.clip,
        "link": None if link_base is None else f"{link_base.rstrip('/')}/sighting/{seen.sighting_id}",
        "crop": picture,
    }
