"""dc-doctor share: what the share that holds the spool can be trusted with."""

from __future__ import annotations

import click

from dashtools.commands._run import Session


def examine(session: Session, wait_s: float) -> int:
    """Probes alone, then with whoever else runs this; keeps the verdict for the workers; 70 where no spool can be."""
    from dashtools.spool import probe, share

    spool = session.spool
    found = probe.alone(spool)
    pair = probe.Pair(spool)
    other = None
    if wait_s > 0:
        click.echo(f"waiting {wait_s:.0f} s for dc-doctor share on a second host ...", err=True)
        other = pair.meet(wait_s)
    if other is not None:
        found.update(pair.run())
    verdict = probe.stamped(found, spool, other)
    if other is not None or "unique_rename" not in share.verdict(spool.files):
        share.write(spool.files, verdict, spool.me.worker)  # a look alone does not wipe out what two found
    worst = 0
    for grade, what, words in probe.findings(found):
        session.emit("finding", f"{grade:8}{what:12}{words}", grade=grade, what=what, words=words)
        worst = max(worst, 70 if grade == "bad" else 0)
    return worst
