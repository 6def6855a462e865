"""dc-reap: takes over orphans and tidies."""

from __future__ import annotations

import time

import click

from dashtools.commands._run import Session, common

LOOKS = 9  # in a lease; a single long gap between two looks counts for half a lease only


@click.command()
@common
@click.option("--wait", is_flag=True, help="Watch other hosts' heartbeats for one lease before judging them.")
def command(session: Session, wait: bool) -> None:
    """Take over the tasks of dead workers, wake delayed tasks, finish half-done publishes; prints what moved.

    Workers do this by themselves. Dead workers of this host are found at once; another host's worker is dead when its
    heartbeat stands still for a whole lease, so a single look cannot tell: use --wait.
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
