"""What was removed stays known: by clip, with its day and reason, after a rebuild too."""

from dashtools.index import store
from dashtools.index.refresh import rebuild, refresh
from dashtools.index.removed import of_video

STONE = {"policy": "raw_videos", "video_id": "v-1", "storage": "nas", "path": "raw/v.mp4", "size_bytes": 7}


def lay(library, unit, **more):
    from dashtools.devices.pins import write_tombstone

    write_tombstone(library.spool, unit, {**STONE, "reason": "91 days old", **more})


def known(library, video_id="v-1"):
    connection = store.open_reading(library.db)
    try:
        return [(gone.path, gone.removed_at, gone.reason) for gone in of_video(connection, video_id)]
    finally:
        connection.close()


def test_a_stone_is_known_once_its_removal_is_through_and_survives_a_rebuild(library):
    lay(library, "ab12")
    refresh(library.root, library.db)
    assert known(library) == []
    lay(library, "ab12", removed_at="2026-01-01T00:00:00Z")
    refresh(library.root, library.db)
    expected = [("raw/v.mp4", "2026-01-01T00:00:00Z", "91 days old")]
    assert known(library) == expected
    rebuild(library.root, library.db)
    assert known(library) == expected


def test_later_stones_come_first_and_a_damaged_one_is_passed_over(library):
    lay(library, "ab12", removed_at="2026-01-01T00:00:00Z")
    lay(library, "cd34", path="preproc/v", policy="preproc_data", removed_at="2026-02-01T00:00:00Z")
    (library.root / "notes/removed/cd/ee.json").write_text("{")
    refresh(library.root, library.db)
    assert [path for path, _, _ in known(library)] == ["preproc/v", "raw/v.mp4"]
    refresh(library.root, library.db)
    assert len(known(library)) == 2 and known(library, "another") == []
