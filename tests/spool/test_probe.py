"""The probes of a share, two hosts played by two threads on one folder."""

from __future__ import annotations

import threading

import pytest

from dashtools.errors import TaskSystemError, TryLater
from dashtools.spool import mounts, probe, share
from dashtools.spool.janitor import Janitor
from dashtools.spool.queue import Spool

NFS = "server:/x /mnt/nas nfs4 rw,relatime,vers=4.2,{options} 0 0\n/dev/sda / ext4 rw 0 0\n"


@pytest.fixture
def hosts(root):
    found = [Spool.open(root, host_id=name) for name in ("left", "right")]
    yield found
    for spool in found:
        spool.files.close()


def probed(hosts):
    found = {}

    def half(spool):
        pair = probe.Pair(spool)
        assert pair.meet(20) is not None
        found[spool.me.worker] = pair.run()

    threads = [threading.Thread(target=half, args=(spool,)) for spool in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(found.values())


def test_two_hosts_agree_on_what_a_sound_share_can_do(hosts):
    left, right = probed(hosts)
    for found in (left, right):
        assert (found["unique_rename"], found["exclusive_create"], found["locks_visible"]) == (True, True, True)
        assert found["absent_name_stale_s"] < 2
    assert hosts[0].files.names("tmp") == []


def test_locks_that_the_other_host_does_not_see_are_told(hosts, monkeypatch):
    monkeypatch.setattr(probe.FileLock, "acquire", lambda self, timeout: None)
    assert [found["locks_visible"] for found in probed(hosts)] == [False, False]


def test_two_winners_are_told_and_no_worker_starts(hosts, monkeypatch):
    monkeypatch.setattr(probe.Pair, "_renames", lambda self, source, target: True)
    left, _ = probed(hosts)
    assert left["unique_rename"] is False
    found = {**probe.alone(hosts[0]), **left}
    assert ("bad", "claims") in [(grade, what) for grade, what, _ in probe.findings(found)]
    share.write(hosts[0].files, found, "me")
    with pytest.raises(TaskSystemError, match="two hosts"):
        Janitor(hosts[0], lease_s=60, max_failures=3)


def test_one_host_alone_tells_what_it_can(spool):
    found = probe.alone(spool)
    assert found["links"] and found["case_sensitive"] and found["longest_name"] == 255
    words = [words for _, _, words in probe.findings(found)]
    assert any("second host" in text for text in words)
    assert spool.files.names("tmp") == []


def test_nobody_coming_is_no_error(spool):
    assert probe.Pair(spool).meet(0.05) is None
    assert spool.files.names(probe.FOLDER) == []


def test_a_partner_that_goes_away_is_tried_later(hosts, monkeypatch):
    monkeypatch.setattr(probe, "LONGEST_WAIT_S", 0.1)
    pair = probe.Pair(hosts[0])
    hosts[0].files.write(f"{probe.FOLDER}/here~{hosts[1].me.worker}", b"")
    assert pair.meet(1) == hosts[1].me.worker
    with pytest.raises(TryLater, match="went away"):
        pair.run()


def test_the_leader_keeps_the_folder_until_the_other_has_gone(hosts):
    there = f"{probe.FOLDER}/here~zz"
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            hosts[0].files.unlink(there)

    hosts[0].files.write(there, b"")
    pair = probe.Pair(hosts[0], sleep)
    pair.meet(1)
    assert pair.leads
    pair._part()
    assert len(waits) == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("soft,lookupcache=pos", "hard"),
        ("hard,lookupcache=pos,local_lock=all", "local_lock=none"),
        ("hard,nolock,lookupcache=pos", "lease"),
        ("hard", "lookupcache=positive"),
    ],
)
def test_each_bad_mount_option_has_its_words_and_its_cure(options, words):
    mount = mounts.mount_of("/mnt/nas/spool", NFS.format(options=options))
    (complaint,) = mounts.complaints(mount)
    assert words in complaint


def test_a_good_mount_has_no_complaints():
    assert list(mounts.complaints(mounts.mount_of("/mnt/nas/s", NFS.format(options="hard,lookupcache=pos")))) == []
    cifs = mounts.Mount("/m", "cifs", ("rw", "hard", "serverino", "cache=strict", "actimeo=1"))
    assert list(mounts.complaints(cifs)) == []
