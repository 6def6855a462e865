"""A folder that proves itself: bytes of the originals, records, reads, places, and a check of them all."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import dashtools
from dashtools.commands._evidence_clip import ClipEvidence
from dashtools.commands._evidence_folder import EvidenceFolder, verify_module, verify_text
from dashtools.commands._evidence_page import page
from dashtools.commands._evidence_span import Wish, spans
from dashtools.config import Config
from dashtools.errors import BadInput
from dashtools.files import refusals, sha256_of, sync_folder
from dashtools.spool.queue import Spool
from dashtools.times import to_text, utc_now

MANIFEST = "MANIFEST.json"


def export_evidence(spool: Spool, config: Config, connection: sqlite3.Connection, wish: Wish, target: Path) -> str:
    """Makes the folder `target`, whole or not at all; its seal: the SHA-256 of its manifest.

    BadInput when nothing is meant by the wish, when `target` is there already, or when the original's bytes are not
    those that were taken in.
    """
    if target.exists():
        raise BadInput(f"{target} is there already; evidence is never written over")
    partial = target.with_name(f".{target.name}.part")
    with refusals(target):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            _fill(EvidenceFolder(partial), spool, config, connection, wish)
            for folder, _, _ in os.walk(partial):
                sync_folder(Path(folder))
            os.rename(partial, target)
            sync_folder(target.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return sha256_of(target / MANIFEST)


def _fill(folder: EvidenceFolder, spool: Spool, config: Config, connection: sqlite3.Connection, wish: Wish) -> None:
    told = [ClipEvidence(folder, spool, config, connection, span).put() for span in spans(connection, wish)]
    folder.write("verify.py", "program", verify_text().encode())
    manifest = {
        "schema": "evidence/2",
        "made_at": to_text(utc_now()),
        "made_by": f"dashtools {dashtools.__version__}",
        "about": wish.about(),
        "clips": [clip["entry"] for clip in told],
        "files": folder.files,
    }
    folder.write("index.html", "page", page(told, manifest).encode())
    (folder.root / MANIFEST).write_text(verify_module().manifest_text(manifest))
    with open(folder.root / MANIFEST, "rb") as stream:
        os.fsync(stream.fileno())
