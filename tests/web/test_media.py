"""Files by id: ranges, conditions, and nothing from outside a storage."""

from __future__ import annotations

import os

import pytest

BODY = bytes(range(256)) * 16


@pytest.fixture
def clip(site):
    ((artifact_id, path),) = site.rows(
        "SELECT artifact_id, path FROM artifacts WHERE type = 'video_lowres' AND video_id = 'one-0a1b2c3d'"
    )
    site.clip_file = site.roots["shed_nas"] / path
    site.clip_url = f"/media/{artifact_id}"
    return site


def test_the_whole_file_comes_with_its_length_and_type(clip):
    answer = clip.get(clip.clip_url)
    assert (answer.status_code, answer.content) == (200, BODY)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == str(len(BODY))
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    "asked, first, last",
    [("bytes=0-0", 0, 0), ("bytes=10-19", 10, 19), ("bytes=4000-", 4000, 4095), ("bytes=-6", 4090, 4095)]
    + [("bytes=4090-9999", 4090, 4095), ("bytes=-99999", 0, 4095)],
)
def test_a_range_brings_only_its_bytes(clip, asked, first, last):
    answer = clip.get(clip.clip_url, headers={"range": asked})
    assert answer.status_code == 206
    assert answer.content == BODY[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/4096"


@pytest.mark.parametrize("asked", ["bytes=4096-", "bytes=-0", "bytes=99999-100000"])
def test_a_range_beyond_the_end_is_416_and_tells_the_size(clip, asked):
    answer = clip.get(clip.clip_url, headers={"range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */4096"


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=a-b", "items=0-5", "bytes=0-1,5-6", "bytes=-", "bytes=--5"])
def test_a_range_that_cannot_be_understood_is_passed_over(clip, asked):
    assert clip.get(clip.clip_url, headers={"range": asked}).status_code == 200


def test_head_tells_the_length_without_a_body(clip):
    answer = clip.get(clip.clip_url, "HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "4096"


def test_a_range_for_another_version_brings_the_whole_file(clip):
    etag = clip.get(clip.clip_url, "HEAD").headers["etag"]
    wanted = {"range": "bytes=0-9"}
    assert clip.get(clip.clip_url, headers={**wanted, "if-range": etag}).status_code == 206
    assert clip.get(clip.clip_url, headers={**wanted, "if-range": '"other"'}).status_code == 200
    modified = clip.get(clip.clip_url, "HEAD").headers["last-modified"]
    assert clip.get(clip.clip_url, headers={**wanted, "if-range": modified}).status_code == 206


def test_an_unchanged_file_is_304(clip):
    etag = clip.get(clip.clip_url, "HEAD").headers["etag"]
    assert clip.get(clip.clip_url, headers={"if-none-match": etag}).status_code == 304


def test_an_empty_file_is_sent(clip):
    clip.clip_file.write_bytes(b"")
    assert clip.get(clip.clip_url).content == b""
    assert clip.get(clip.clip_url, headers={"range": "bytes=0-"}).status_code == 416


def test_other_methods_are_refused(clip):
    assert clip.get(clip.clip_url, "PUT").status_code in (403, 405)


@pytest.mark.parametrize("path", ["/media/" + "0" * 24, "/media/..%2f..%2fetc%2fpasswd", "/media/../../etc/passwd"])
def test_an_unknown_id_is_404(site, path):
    assert site.get(path, follow_redirects=True).status_code == 404


def test_a_path_that_leaves_the_storage_is_refused(clip):
    import sqlite3

    (clip.folder / "secret.mp4").write_bytes(b"secret")
    for path in ("../secret.mp4", str(clip.folder / "secret.mp4"), "archive/../../secret.mp4"):
        connection = sqlite3.connect(clip.library.db)
        with connection:
            connection.execute("UPDATE artifacts SET path = ? WHERE type = 'video_lowres'", (path,))
        connection.close()
        assert clip.get(clip.clip_url).status_code == 404, path


def test_a_link_out_of_the_storage_is_refused(clip):
    (clip.folder / "secret.mp4").write_bytes(b"secret")
    clip.clip_file.unlink()
    clip.clip_file.symlink_to(clip.folder / "secret.mp4")
    assert clip.get(clip.clip_url).status_code == 404


def test_a_folder_or_pipe_is_no_file(clip):
    clip.clip_file.unlink()
    os.mkfifo(clip.clip_file)
    assert clip.get(clip.clip_url).status_code == 404


def test_a_storage_that_is_away_is_503_and_a_missing_file_404(clip):
    clip.clip_file.unlink()
    assert clip.get(clip.clip_url).status_code == 404
    clip.roots["shed_nas"].rename(clip.folder / "unplugged")
    answer = clip.get(clip.clip_url)
    assert answer.status_code == 503 and answer.headers["retry-after"] == "30"


def test_seeking_in_a_file_of_two_gigabytes_reads_only_what_is_asked_for(clip, monkeypatch):
    with open(clip.clip_file, "r+b") as file:
        file.truncate(2 << 30)
        file.seek((2 << 30) - 10)
        file.write(b"0123456789")
    read, real = [], os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, at: (read.append((at, size)), real(fd, size, at))[1])
    answer = clip.get(clip.clip_url, headers={"range": f"bytes={(2 << 30) - 10}-"})
    assert (answer.status_code, answer.content) == (206, b"0123456789")
    assert clip.get(clip.clip_url, headers={"range": "bytes=1073741824-1073741827"}).content == bytes(4)
    assert sum(size for at, size in read) == 14
