"""The index file: where it lies, who may write, how a new one takes the old one's place.

`index.db` is a symbolic link to the current generation `index.<hex>.db`. SQLite names its -wal and -shm after the
resolved file, so that a reader of an old generation and a writer of the new one never share them; renaming over a WAL
database itself would hand the old log to the new file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import sqlite3
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from filelock import FileLock, Timeout

from dashtools.errors import OutputRefused, TryLater
from dashtools.index.cells import cell_of
from dashtools.index.corrections import is_still_of
from dashtools.index.moments import moment
from dashtools.index.plates import fold

CONTENT_TABLES = ("videos", "fixes", "filtering", "tracks", "sightings", "reads", "crops", "lowres")
CREATED = re.compile(r"CREATE (?:VIRTUAL )?\w+ (\w+)")
DERIVED_COLUMNS = {"record", "crop_path", "seen_at", "folded", "read_as", "cell", "trip_id", "distance_m"}


@lru_cache(maxsize=1)
def schema() -> str:
    """The text of schema.sql."""
    return Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")


def schema_digest() -> str:
    """What tells one shape of the index from another."""
    return hashlib.blake2b(schema().encode(), digest_size=8).hexdigest()


def statements() -> list[tuple[str, str]]:
    """The statements of schema.sql in order, each with the name of what it creates."""
    found, statement = [], ""
    for line in schema().splitlines(keepends=True):
        if statement or line.startswith("CREATE"):
            statement += line
            if sqlite3.complete_statement(statement):
                found.append((CREATED.match(statement)[1], statement.strip()))  # type: ignore[index]
                statement = ""
    return found


@lru_cache(maxsize=1)
def given_columns() -> dict[str, frozenset[str]]:
    """Which columns a stage's rows may fill, by table."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(schema())
        return {table: frozenset(columns(connection, table)) - DERIVED_COLUMNS for table in CONTENT_TABLES}
    finally:
        connection.close()


@contextlib.contextmanager
def writer_lock(db: Path, *, wait_s: float = 60.0) -> Iterator[None]:
    """Makes this the only writer of the index on this host; TryLater when another holds it for too long."""
    try:
        db.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{db}.lock", thread_local=False)
        lock.acquire(timeout=wait_s)
    except Timeout as error:
        raise TryLater(f"{db}: another process is writing the index; it will be fresh soon") from error
    except OSError as error:
        raise OutputRefused(f"{db}: {error.strerror}; the index needs a local folder that can be written") from error
    try:
        yield
    finally:
        lock.release()


def connect(file: Path) -> sqlite3.Connection:
    """A connection that may write; transactions are begun and ended by hand."""
    connection = sqlite3.connect(file, isolation_level=None, timeout=30.0)
    connection.row_factory = sqlite3.Row
    for pragma in ("temp_store=MEMORY", "cache_size=-65536", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.create_function("fold", 1, lambda text: None if text is None else fold(text), deterministic=True)
    connection.create_function("moment", 2, moment, deterministic=True)
    connection.create_function("cell", 2, cell_of, deterministic=True)
    connection.create_function("is_still_of", 2, is_still_of, deterministic=True)
    return connection


class transaction:
    """What is done within it is done wholly or not at all."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")


def create(file: Path) -> sqlite3.Connection:
    """A new index with tables only and no log: for building, before anyone reads it."""
    connection = connect(file)
    # sorting may need gigabytes: on disk, and three sorters at a time take as much memory each as the cache
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "temp_store=FILE", "threads=2", "cache_size=-24576"):
        connection.execute(f"PRAGMA {pragma}")
    for _, sql in statements():
        if sql.startswith("CREATE TABLE"):
            connection.execute(sql)
    connection.execute("INSERT INTO meta VALUES ('schema', ?)", (schema_digest(),))
    return connection


def finish(connection: sqlite3.Connection, file: Path) -> None:
    """Makes a built index durable and ready for readers beside a writer, and closes it."""
    connection.execute("PRAGMA analysis_limit=1000")
    connection.execute("ANALYZE")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


def open_current(db: Path) -> sqlite3.Connection | None:
    """The current index for writing; None when there is none of this schema or it is damaged."""
    if not db.is_file():
        return None
    try:
        connection = connect(db)
    except sqlite3.DatabaseError:
        return None
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.DatabaseError:
        connection.close()
        return None
    if row is None or row[0] != schema_digest():
        connection.close()
        return None
    return connection


def open_reading(db: Path) -> sqlite3.Connection:
    """A connection that cannot write; TryLater when there is no index yet."""
    if not db.is_file():
        raise TryLater(f"{db} is not there yet; make it with: dc-index refresh")
    connection = sqlite3.connect(f"file:{db}?mode=ro", uri=True, timeout=30.0, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def new_generation(db: Path) -> Path:
    """A name beside `db` that nothing has used."""
    return db.with_name(f"{db.stem}.{secrets.token_hex(4)}{db.suffix}")


def generations(db: Path) -> list[Path]:
    """Every generation file of an index, current or not."""
    pattern = re.compile(re.escape(db.stem) + r"\.[0-9a-f]{8}" + re.escape(db.suffix) + r"\Z")
    return [path for path in db.parent.iterdir() if pattern.match(path.name)]


def swap(db: Path, new: Path) -> None:
    """Makes `new` the current index in one step; the one before stays for readers until the next swap."""
    before = db.resolve() if db.exists() else None
    link = db.with_name(f".{new.name}.link")
    with contextlib.suppress(FileNotFoundError):
        link.unlink()
    link.symlink_to(new.name)
    os.replace(link, db)
    for path in generations(db):
        if path not in (new, before) and path.resolve() not in (new.resolve(), before):
            discard(path)


def discard(file: Path) -> None:
    """Removes an index file and its log."""
    for name in (file, Path(f"{file}-wal"), Path(f"{file}-shm"), Path(f"{file}-journal")):
        with contextlib.suppress(FileNotFoundError):
            name.unlink()


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """A table's column names in order."""
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
