"""dc-models lists and verifies weights."""

from __future__ import annotations

import json

from dashtools.commands._run import status_of
from dashtools.commands.models import command


def test_the_list_names_licence_digest_and_source(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("DASHTOOLS_MODELS", str(tmp_path))
    assert status_of(command, "dc-models", ["list", "--json", "--spool", str(tmp_path / "none")]) == 0
    cards = {card["name"]: card for card in map(json.loads, capsys.readouterr().out.splitlines())}
    card = cards["platedet"]
    assert card["licence"] == "AGPL-3.0" and card["is_default"] and not card["is_installed"]
    assert {"name", "kind", "licence", "sha256", "source", "is_default", "is_installed"} <= set(card)
    assert len(card["sha256"]) == 64 and "platedet==0.0.2" in card["source"]


def test_verifying_missing_weights_has_status_69(tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.setenv("DASHTOOLS_MODELS", str(tmp_path))
    assert status_of(command, "dc-models", ["verify", "platedet", "--spool", str(tmp_path / "none")]) == 69
    assert "not installed" in capfd.readouterr().err
