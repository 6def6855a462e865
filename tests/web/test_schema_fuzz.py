"""The OpenAPI document and the server agree, whatever is sent: no 5xx, no status that is not documented.

A bounded run; DASHTOOLS_FUZZ_EXAMPLES=500 makes a long one.
"""

from __future__ import annotations

import os
import warnings

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from dashtools.web.tokens import Tokens

schemathesis = pytest.importorskip("schemathesis")
EXAMPLES = int(os.environ.get("DASHTOOLS_FUZZ_EXAMPLES", "8"))
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")


@pytest.fixture
def document(desk, serve):
    """The document of a running server, and a token of each scope."""
    from dashtools.web.server import WebSettings

    desk.library.add("three.mp4")
    tokens = Tokens(desk.folder / "local" / "tokens.json")
    known = {scope: tokens.add(scope, scope) for scope in ("read", "work", "admin")}
    settings_ = WebSettings(desk.library.db, desk.roots, port=0, api=desk.options["api"], tokens=tokens)
    url = serve(settings_).rstrip("/")
    headers = {"authorization": f"Bearer {known['read']}"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json", headers=headers), known


def fuzz(schema, headers, examples):
    """What every operation answers to good and bad data; the number of requests."""
    from schemathesis.checks import CHECKS as registered
    from schemathesis.generation import GenerationMode

    wanted, asked = [registered.get_one(name) for name in CHECKS], 0
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                strategy = operation.as_strategy(generation_mode=mode)
            except Exception as error:  # a library's own words for "nothing here can be wrong"
                if "negative" not in str(error).lower():
                    raise
                continue

            @given(case=strategy)
            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                derandomize=True,
                phases=(Phase.explicit, Phase.generate),
                suppress_health_check=list(HealthCheck),
            )
            def run(case):
                nonlocal asked
                asked += 1
                answer = case.call(headers=headers, timeout=60)
                case.validate_response(answer, checks=wanted)

            run()
    return asked


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["admin", "read", None])
def test_no_answer_is_5xx_or_undocumented(document, scope):
    schema, known = document
    headers = {} if scope is None else {"authorization": f"Bearer {known[scope]}"}
    assert fuzz(schema, headers, EXAMPLES if scope == "admin" else max(1, EXAMPLES // 4)) > 20
