"""dc-reap: takes over orphans and tidies."""

from __future__ import annotations

import time

import click

from dashtools.commands._run import Session, common
from dashtools.commands.ls import seconds_of

LOOKS = 9  # in a lease; a single long gap between two looks counts for half a lease only


@click.command()
@common
@click.option("--wait", is_flag=True, help="Watch other hosts' heartbeats for one lease before judging them.")
@click.option("--compact", is_flag=True, help="Then pack old leaves of complete/, one compressed file for each.")
@click.option(
    "--older-than",
    "older_than_s",
    metavar="AGE",
    default="30d",
    show_default=True,
    callback=seconds_of,
    help="With --compact: only leaves whose tasks were all made longer ago: 12h, 30d.",
)
def command(session: Session, wait: bool, compact: bool, older_than_s: float) -> None:
    """Take over the tasks of dead workers, wake delayed tasks, finish half-done publishes; prints what moved.

    Workers do this by themselves. Dead workers of this host are found at once; another host's worker is dead when its
    heartbeat stands still for a whole lease, so a single look cannot tell: use --wait.

    A packed leaf is read by every command as before, and by zcat. Hosts with an older dashtools refuse such a spool.
    """
    from dashtools.spool.janitor import Janitor

    rules = session.config.global_settings
    lease_s = float(rules["lease_seconds"])
    janitor = Janitor(session.spool, lease_s=lease_s, max_failures=int(rules["max_failures"]))
    rounds = [janitor.sweep()]
    for _ in range(LOOKS if wait else 0):
        time.sleep(lease_s / (LOOKS - 1))
        rounds.append(janitor.sweep())
    for done in rounds:
        for what, paths in vars(done).items():
            for path in paths:
                session.emit("tidied", str(session.spool.root / path), path=str(session.spool.root / path), what=what)
    if compact:
        _compact(session, older_than_s)


def _compact(session: Session, older_than_s: float) -> None:
    from dashtools.spool.compact import Compactor, old_leaves

    compactor = Compactor(session.spool)
    for leaf in list(old_leaves(session.spool, older_than_s)):
        done = compactor.compact(leaf)
        for why in done.left if done else ():
            click.echo(f"dc-reap: stays a file: {leaf}/{why}", err=True)
        if done is not None and done.pack is not None:
            path = str(session.spool.root / leaf / done.pack)
            about = {"records": done.records, "size_bytes": done.size_bytes, "removed": done.removed}
            session.emit("pack", path, path=path, leaf=leaf, **about)
