"""Alerts to an MQTT broker, with the messages by which Home Assistant finds them by itself."""

from __future__ import annotations

from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import orjson

import dashtools
from dashtools.errors import BackendUnavailable, TryLater

TIMEOUT_S = 15.0
_QOS = 1  # at least once: the broker's PUBACK is the acknowledgement


class MqttBroker:
    """A broker as a receiver of alerts; it has taken an alert when it acknowledged the message.

    An alert is not retained, so that no broker keeps plates; the discovery messages are and hold none.
    """

    name = "mqtt"

    def __init__(
        self,
        url: str,
        *,
        password: str | None = None,
        topic: str = "dashtools",
        discovery_prefix: str | None = "homeassistant",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        try:
            import paho.mqtt.client as paho
        except ImportError as error:
            raise BackendUnavailable("mqtt_url is set and paho-mqtt is not installed: the extra is `mqtt`") from error
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or (8883 if parts.scheme == "mqtts" else 1883)
        self._topic, self._prefix, self._timeout_s = topic, discovery_prefix, timeout_s
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.connect_timeout = timeout_s
        if parts.scheme == "mqtts":
            self._client.tls_set()
        if parts.username:
            self._client.username_pw_set(parts.username, password)
        self._is_connected = False

    def __enter__(self) -> MqttBroker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._is_connected:
            self._client.disconnect()
            self._client.loop_stop()
            self._is_connected = False

    def send(self, alert_id: str, body: bytes, crop: tuple[str, bytes] | None = None) -> str:
        """Publishes JSON, and the crop as an image of its own; "PUBACK" once the broker has them, else TryLater."""
        self._connect()
        event = {"event_type": "watched_plate", **orjson.loads(body)}
        event.pop("crop", None)  # the image has a topic of its own, attributes of an entity must stay small
        if crop is not None:
            self._publish(f"{self._topic}/crop", crop[1], is_retained=False)
        self._publish(f"{self._topic}/alert", orjson.dumps(event), is_retained=False)
        return "PUBACK"

    def _connect(self) -> None:
        if self._is_connected:
            return
        try:
            self._client.connect(self._host, self._port, keepalive=60)
        except (OSError, ValueError) as error:
            raise TryLater(f"the MQTT broker at {self._host}:{self._port} cannot be reached: {error}") from None
        self._client.loop_start()
        self._is_connected = True
        if self._prefix is not None:
            for topic, content in discovery(self._topic, self._prefix).items():
                self._publish(topic, orjson.dumps(content), is_retained=True)

    def _publish(self, topic: str, content: bytes, *, is_retained: bool) -> None:
        message = self._client.publish(topic, content, qos=_QOS, retain=is_retained)
        try:
            message.wait_for_publish(self._timeout_s)
            is_taken = message.is_published()
        except (RuntimeError, ValueError):
            is_taken = False
        if not is_taken:
            self.__exit__(None, None, None)
            raise TryLater(f"the MQTT broker at {self._host}:{self._port} did not acknowledge in {self._timeout_s:g} s")


def discovery(topic: str, prefix: str) -> dict[str, Any]:
    """Home Assistant's discovery messages by their topic: one device with an event and an image.

    >>> sorted(discovery("dashtools", "homeassistant"))
    ['homeassistant/event/dashtools/watched_plate/config', 'homeassistant/image/dashtools/plate_crop/config']
    """
    node = topic.replace("/", "_")
    device = {"identifiers": [node], "name": "dashtools", "sw_version": dashtools.__version__}
    event = {
        "name": "Watched plate",
        "unique_id": f"{node}_watched_plate",
        "state_topic": f"{topic}/alert",
        "event_types": ["watched_plate"],
        "icon": "mdi:car-search",
        "device": device,
    }
    image = {
        "name": "Plate crop",
        "unique_id": f"{node}_plate_crop",
        "image_topic": f"{topic}/crop",
        "content_type": "image/jpeg",
        "device": device,
    }
    return {
        f"{prefix}/event/{node}/watched_plate/config": event,
        f"{prefix}/image/{node}/plate_crop/config": image,
    }
