"""`bessemer summary` and `bessemer architectures`."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

import click

from bessemer import errors
from bessemer.cli import paths, render
from bessemer.cli.session import Session


@click.command()
@click.argument("architecture")
@click.option("--dataset", "-d", required=True, help="What it would be trained on.")
@click.option(
    "--set",
    "assignments",
    metavar="PATH=VALUE",
    multiple=True,
    help="An option: options.dropout=0.3; or loss=NAME.",
)
@render.as_json
@click.pass_obj
def summary(
    session: Session, architecture: str, dataset: str, assignments: tuple[str, ...], as_json: bool
) -> None:
    """Layers, shapes and parameters of a model.

    Nothing is trained for it.
    """
    settings = paths.parse(assignments)
    found = session.client.summary(
        architecture, dataset=dataset, options=settings.get("options"), loss=settings.get("loss")
    )
    if as_json:
        render.print_json(found)
    else:
        click.echo(str(found))


@click.command()
@click.argument("name", required=False)
@render.as_json
@click.pass_obj
def architectures(session: Session, name: str | None, as_json: bool) -> None:
    """What can be trained.

    With NAME, the options of that architecture.
    """
    found = {architecture.name: architecture for architecture in session.client.architectures()}
    if name is not None and name not in found:
        near = difflib.get_close_matches(name, found, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(found)}"
        raise errors.NotFound(f"there is no architecture {name!r}; {hint}")
    if as_json:
        render.print_json(found[name] if name else list(found.values()))
        return
    if name is None:
        rows = [(item.name, item.description.splitlines()[0]) for item in found.values()]
        render.print_table(("NAME", "DESCRIPTION"), rows, empty="There are no architectures.")
        return
    render.print_text(f"{name}: {found[name].description}\n")
    options = [
        (
            option,
            str(schema.get("type", "")),
            _format_default(schema),
            " ".join(schema.get("description", "").split()),
        )
        for option, schema in found[name].options_schema.get("properties", {}).items()
    ]
    render.print_table(("OPTION", "TYPE", "DEFAULT", "DESCRIPTION"), options, empty="It has no options.")


def _format_default(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema["default"]) if "default" in schema else "required"
