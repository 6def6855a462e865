"""Work goes on while the index is refreshed, rebuilt and read."""

from __future__ import annotations

import threading

from dashtools.index import store
from dashtools.index.refresh import rebuild, refresh
from dashtools.index.verify import verify


def work_and_requeue(library, rounds: int) -> None:
    """What workers and a person do meanwhile."""
    for number in range(rounds):
        library.add(f"clip{number}.mp4", recorded_at="2024-01-15T14:25:00Z")
        library.work(3)
        if number % 3 == 2:
            library.requeue("INGEST_VIDEO", f"clip{number - 2}-0a1b2c3d")
    library.work()


def test_refreshes_amid_the_work_end_with_what_a_rebuild_gives(library):
    done = threading.Event()

    def keep_looking() -> None:
        while not done.is_set():
            refresh(library.root, library.db)

    looker = threading.Thread(target=keep_looking)
    looker.start()
    try:
        work_and_requeue(type(library)(library.root, library.db), 9)
    finally:
        done.set()
        looker.join()
    refresh(library.root, library.db)
    assert verify(library.root, library.db).differences == ()
    connection = store.open_reading(library.db)
    try:
        assert connection.execute("SELECT count(*) FROM tasks").fetchone()[0] == len(list(library.spool.completed()))
    finally:
        connection.close()


def test_a_reader_never_sees_a_half_state_while_the_index_is_rebuilt(library):
    for number in range(4):
        library.add(f"clip{number}.mp4")
    library.work()
    refresh(library.root, library.db)
    done, states = threading.Event(), set()

    def keep_reading() -> None:
        while not done.is_set():
            connection = store.open_reading(library.db)
            try:
                counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in ("sightings", "reads", "plates"))
                states.add(tuple(connection.execute(f"SELECT {counts}").fetchone()))
            finally:
                connection.close()

    reader = threading.Thread(target=keep_reading)
    reader.start()
    try:
        for _ in range(6):
            rebuild(library.root, library.db)
    finally:
        done.set()
        reader.join()
    assert states == {(4, 8, 1)}
