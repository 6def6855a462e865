"""dc-bench plates: how well plates are found and read in footage of known truth."""

from __future__ import annotations

from pathlib import Path

import click

from dashtools.commands._run import Session, common


@click.command()
@common
@click.option("--truth", "folders", multiple=True, required=True, type=click.Path(path_type=Path), metavar="DIR")
@click.option("--part", type=click.Choice(["all", "even", "odd"]), default="all", help="Every second item by name.")
@click.option("--plain", is_flag=True, help="Beside it a plain pipeline: detector, reader, the more confident reading.")
@click.option("--failures", is_flag=True, help="Also a line for each plate that was not read exactly.")
def plates(session: Session, folders: tuple[Path, ...], part: str, plain: bool, failures: bool) -> None:
    """Count what is found and read in pictures and clips of known plates, with 95 % intervals.

    DIR holds clips with a .json of boxes and texts beside each (dc-synth makes such), or pictures and one .json for
    all, or pictures with a .txt each (openalpr's benchmark).
    """
    from dashtools.bench.plates import measure, table
    from dashtools.bench.plates_truth import read_truth
    from dashtools.commands.detect import chosen
    from dashtools.log import LOGGER

    settings, tools = chosen(session)
    reports = []
    for folder in dict.fromkeys(path.resolve() for path in folders):
        reports += measure(read_truth(folder, part), tools, settings, plain=plain, say=LOGGER.info)
    for report in reports:
        session.emit("plates", "\n".join([*report.lines(), ""]), **report.to_json())
        for wrong in report.failures() if failures else ():
            where = {"folder": report.folder, "pipeline": report.pipeline, "where": wrong.where}
            text = f"  {wrong.where}: {wrong.text} read as {wrong.got} ({wrong.width_px} px)"
            session.emit("failure", text, **where, text=wrong.text, got=wrong.got, width_px=wrong.width_px)
    if not session.as_json:
        click.echo("\n".join(table(reports)))
