"""The REST API of a dc-web, as a device that cannot mount the share uses it.

One connection a request, so that a proxy, a restart or a changed address in between breaks nothing. Redirects are not
followed: the token goes to the host that was named and to no other.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import ssl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit

import orjson

from dashtools.backoff import NotNow
from dashtools.errors import BadConfig, BadInput, ClaimLost, InputMissing, OutputRefused, TaskSystemError
from dashtools.files import refusals
from dashtools.model import Json, Task
from dashtools.ports import ServedTask

Answer = http.client.HTTPResponse
BASE = "/api/v1"
SILENCE_S = 60.0  # a completion reads every output back before it answers
LATER = (408, 425, 429, 500, 502, 503, 504)  # 500 too: another try is another chance, and patience is bounded


class Server:
    """One dc-web; each method is one try, see ports.TaskServer."""

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise BadConfig(f"{url!r} is no server; it looks like http://nas.local:5000 or https://dash.example")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix(BASE)}{BASE}"
        self._is_tls, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._prefix, self._token = urlsplit(self.url).path, token

    # -- the queue -----------------------------------------------------------------------------------------------

    def claim(self, device: str, task_types: Sequence[str], able: Mapping[str, Any], nonce: str) -> ServedTask | None:
        """The next task; None when there is none. Asked again with the same nonce it gives the same claim."""
        wish = {"device": device, "task_types": list(task_types), "capabilities": dict(able), "nonce": nonce}
        return self.claimed(wish)

    def claimed(self, wish: Json) -> ServedTask | None:
        """The task that a wish gets, which may name one by its task_id."""
        got = self.ask("POST", "/tasks/claim", wish, none_for=404)
        if got is None:
            return None
        return ServedTask(got["claim"], Task.from_json(got["task"]), float(got["heartbeat_seconds"]))

    def beat(self, held: ServedTask) -> None:
        """Keeps the claim alive."""
        self.ask("POST", _of(held, "heartbeat"), claim=held.claim)

    def complete(self, held: ServedTask, result: Mapping[str, Any]) -> None:
        """Ends the task; saying it twice is saying it once."""
        self.ask("POST", _of(held, "complete"), dict(result), claim=held.claim)

    def release(self, held: ServedTask, reason: Mapping[str, Any]) -> None:
        """Gives the task back."""
        self.ask("POST", _of(held, "release"), dict(reason), claim=held.claim)

    def listed(self, limit: int, offset: int = 0, **query: str) -> list[Task]:
        """A page of tasks; with a type and no state the ready ones as a worker would get them."""
        words = urlencode({**query, "limit": limit, "offset": offset})
        return [Task.from_json(value) for value in self.ask("GET", f"/tasks?{words}", none_for=404) or []]

    def total(self, **query: str) -> int:
        """How many tasks there are."""
        with self._answer("GET", f"/tasks?{urlencode({**query, 'limit': 0})}", None, {}) as got:
            _refuse(got)
            return int(got.headers.get("x-total-count", "0"))

    # -- files ---------------------------------------------------------------------------------------------------

    def fetch(self, held: ServedTask, number: int, target: Path) -> None:
        """An input's bytes in a file; what the file holds already is taken for its beginning."""
        have = target.stat().st_size if target.exists() else 0
        headers = {"range": f"bytes={have}-"} if have else {}
        with self._answer(
            "GET", _of(held, f"inputs/{number}"), None, {"dashtools-claim": held.claim, **headers}
        ) as got:
            if got.status == 416:
                return  # the file was whole already
            _refuse(got)
            with refusals(target), open(target, "ab" if got.status == 206 else "wb") as file:
                _copy(got, file)
            if got.length:
                raise NotNow(f"{self._host} broke off in the middle of a file")

    def send(self, held: ServedTask, name: str, source: Path) -> None:
        """A result file."""
        path = _of(held, f"outputs/{quote(name)}")
        headers = {"dashtools-claim": held.claim, "content-type": "application/octet-stream"}
        headers["content-length"] = str(source.stat().st_size)
        try:
            with open(source, "rb") as file, self._answer("PUT", path, file, headers) as got:
                _refuse(got)
                got.read()
        except NotNow:
            self.beat(held)  # a server that refuses a long body may hang up before its answer is seen
            raise

    # -- one request ---------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, value: Any = None, *, claim: str | None = None, none_for: int = 0) -> Any:
        """The JSON of an answer; None for the status `none_for`."""
        headers = {} if claim is None else {"dashtools-claim": claim}
        body = None
        if value is not None:
            body, headers["content-type"] = orjson.dumps(value), "application/json"
        with self._answer(method, path, body, headers) as got:
            if none_for and got.status == none_for:
                return None
            _refuse(got)
            return orjson.loads(got.read())

    @contextlib.contextmanager
    def _answer(
        self, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        kind = http.client.HTTPSConnection if self._is_tls else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=SILENCE_S)
        own = {} if self._token is None else {"authorization": f"Bearer {self._token}"}
        try:
            connection.request(method, self._prefix + path, body, {**headers, **own})
            yield connection.getresponse()
        except ssl.SSLCertVerificationError as error:
            raise BadConfig(f"{self._host}: its certificate is not trusted here: {error.verify_message}") from error
        except (OSError, http.client.HTTPException, orjson.JSONDecodeError) as error:
            if isinstance(error, OSError) and error.filename is not None:
                raise  # a file of ours, not the connection
            raise NotNow(f"{self._host} does not answer: {error or type(error).__name__}") from error
        finally:
            connection.close()


def _of(held: ServedTask, what: str) -> str:
    return f"/tasks/{held.task.task_id}/{what}"


def _copy(source: Answer, file: IO[bytes]) -> None:
    shutil.copyfileobj(source, file, 1 << 20)
    file.flush()
    os.fsync(file.fileno())


def _refuse(got: Answer) -> None:
    """Raises what an answer that is no success means for a device."""
    if 200 <= got.status < 300:
        return
    words = _words(got)
    if got.status in LATER:
        after = got.headers.get("retry-after", "")
        raise NotNow(words, float(after) if after.isdigit() else 0.0)
    if got.status == 409:
        raise ClaimLost(words)
    if got.status in (401, 403, 421):
        raise BadConfig(f"the server refuses this device: {words}; dc-web token add NAME --scope work makes a token")
    if got.status == 404:
        raise InputMissing(words)
    if got.status == 507:
        raise OutputRefused(words)
    if got.status == 413:
        raise BadInput(f"the server takes no more: {words}")
    raise TaskSystemError(f"the server answered {got.status}: {words}")


def _words(got: Answer) -> str:
    try:
        return str(orjson.loads(got.read(65536))["detail"])
    except (orjson.JSONDecodeError, KeyError, TypeError, OSError, http.client.HTTPException):
        return f"status {got.status}"
