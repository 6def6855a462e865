import gc
import os

from dashtools.spool.queue import Spool


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_forgotten_spool_keeps_no_descriptor(root):
    gc.collect()
    before = descriptors()
    for _ in range(20):
        Spool.open(root)
    gc.collect()
    assert descriptors() <= before


def test_closing_twice_is_closing_once(root):
    opened = Spool.open(root)
    opened.files.close()
    opened.files.close()
