"""Wrong configurations are refused, right ones never."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from dashtools.config_keys import (
    DEFAULT_GLOBAL,
    DEFAULT_PROCESSING,
    DEFAULT_PROFILES,
    DEFAULT_STORAGE_PATHS,
    GLOBAL_SHAPE,
    PROCESSING_SHAPE,
    problems,
)

WHOLE = {
    "global": DEFAULT_GLOBAL,
    "profiles": {**DEFAULT_PROFILES, "default": {"processing": DEFAULT_PROCESSING}},
    "devices": {"jetson_1": {"hostname": "jetson-1", "device_type": "jetson_coral", "capabilities": {"any": [1]}}},
    "storage_paths": DEFAULT_STORAGE_PATHS,
}


def places(tree, path=()):
    """Every key path of a document."""
    for key, value in tree.items():
        yield (*path, key)
        if isinstance(value, dict) and key != "capabilities":
            yield from places(value, (*path, key))


def replaced(path, key, value):
    """WHOLE with one key renamed and its value changed."""
    document = copy.deepcopy(WHOLE)
    inner = document
    for word in path[:-1]:
        inner = inner[word]
    del inner[path[-1]]
    inner[key] = value
    return document


def test_the_defaults_are_a_valid_configuration_and_every_default_has_a_shape():
    assert problems(WHOLE) == []
    assert set(DEFAULT_GLOBAL) == set(GLOBAL_SHAPE)
    assert set(DEFAULT_PROCESSING) == set(PROCESSING_SHAPE)


FIXED = [p for p in places(WHOLE) if len(p) == 1 or p[-2] not in ("profiles", "devices", "storage_paths")]


@given(st.sampled_from(FIXED), st.text("abcdefgh_", min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_a_misspelt_key_is_refused_by_its_path(path, tail):
    wrong = path[-1] + "_" + tail
    found = problems(replaced(path, wrong, None))
    assert len(found) == 1
    assert found[0].startswith(".".join((*path[:-1], wrong)) + ": unknown key")


@given(st.sampled_from([p for p in FIXED if p[-1] != "capabilities"]))
@settings(max_examples=100, deadline=None)
def test_a_value_of_another_type_is_refused_by_its_path(path):
    found = problems(replaced(path, path[-1], [{"no": "value is like this"}]))
    assert found and all(line.startswith(".".join(path)) for line in found)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
@settings(max_examples=200, deadline=None)
def test_no_document_whatever_makes_the_check_fail(document):
    assert all(isinstance(line, str) for line in problems(document))
