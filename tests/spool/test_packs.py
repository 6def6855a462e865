import gzip
import shutil
import subprocess

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashtools.errors import BadInput, TaskSystemError
from dashtools.model import Task, with_changes
from dashtools.spool import packs
from dashtools.spool import task as tasks

ROWS = b'{"table":"videos","clip":"a.mp4"}\n{"table":"fixes","t_ms":1.5}\n'


def record_of(number: int, **fields: object) -> packs.Packed:
    task = with_changes(Task(f"t{number:05d}", "TEST", "v"), state="complete", attempt=1, **fields)
    name = f"20240115T142500{number:06d}-{task.task_id}.a01.json"
    return packs.packed(name, tasks.to_bytes(task), ROWS if number % 2 else None)


@pytest.fixture(scope="module")
def many():
    return [record_of(number) for number in range(3 * packs.MEMBER_RECORDS + 5)]


def test_a_pack_gives_back_every_record_in_order(many):
    pack = packs.Pack(packs.to_bytes(many, {}))
    assert list(pack) == many
    assert pack.names == tuple(record.name for record in many)


def test_one_record_is_found_without_unpacking_the_others(many, monkeypatch):
    pack, opened = packs.Pack(packs.to_bytes(many, {})), []
    plain = gzip.decompress
    monkeypatch.setattr(packs.gzip, "decompress", lambda data: opened.append(1) or plain(data))
    for number in (0, packs.MEMBER_RECORDS - 1, packs.MEMBER_RECORDS, len(many) - 1):
        assert pack.find(many[number].name) == many[number]
    assert len(opened) == 3  # the first two are in one member, which is kept
    assert pack.find("20240115T142500000000-t99999.a01.json") is None
    assert pack.find("z") is None


@pytest.mark.skipif(shutil.which("zcat") is None, reason="no zcat here")
def test_zcat_prints_a_line_for_each_record(many, tmp_path):
    (tmp_path / "pack.gz").write_bytes(packs.to_bytes(many, {"k.a01": "d"}))
    text = subprocess.run(["zcat", str(tmp_path / "pack.gz")], capture_output=True, check=True).stdout
    first, *lines = [orjson.loads(line) for line in text.splitlines()]
    assert (first["schema"], first["moved"], len(first["names"])) == ("pack/1", {"k.a01": "d"}, len(many))
    assert [line["record"]["task_id"] for line in lines] == [record.task.task_id for record in many]


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_files_come_out_as_they_went_in(value):
    task = Task("x", "TEST", "v", state="complete", metadata={"any": value})
    record, rows = tasks.to_bytes(task), orjson.dumps({"table": value}) + b"\n"
    name = "20240115T142500000000-x.a01.json"
    try:
        packed = packs.packed(name, record, rows)
    except BadInput:
        return  # -0.0 and the like: it stays a file
    found = packs.Pack(packs.to_bytes([packed], {})).find(name)
    assert found is not None and (found.record_bytes(), found.rows_bytes()) == (record, rows)


@pytest.mark.parametrize(
    ("record", "rows"),
    [(b"{", None), (b'{"task_id": "x"}', None), (b'{\n  "task_id": "x"\n}\n', b'{"table": "spaced"}\n')],
    ids=["torn", "another hand", "strange rows"],
)
def test_what_could_not_be_given_back_to_the_byte_is_refused(record, rows):
    with pytest.raises(BadInput):
        packs.packed("20240115T142500000000-x.a01.json", record, rows)


def test_an_empty_pack_still_says_what_was_moved():
    pack = packs.Pack(packs.to_bytes([], {"k.a01": "d"}))
    assert list(pack) == [] and pack.moved == {"k.a01": "d"} and pack.find("k.a01.json") is None


def test_a_torn_pack_is_called_damaged(many):
    content = packs.to_bytes(many, {})
    for length in (0, 5, 100, len(content) - 7):
        with pytest.raises(TaskSystemError, match="damaged"):
            list(packs.Pack(content[:length]))


def test_a_pack_of_another_program_is_refused():
    with pytest.raises(TaskSystemError, match="pack/9"):
        packs.Pack(gzip.compress(b'{"schema":"pack/9","names":[],"moved":{},"offsets":[]}\n'))


def test_unsorted_records_are_refused(many):
    with pytest.raises(ValueError, match="sorted"):
        packs.to_bytes([many[1], many[0]], {})
