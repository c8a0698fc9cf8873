"""The pages of documentation agree with the code and with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from bessemer_server.architectures import kinds as architectures
from bessemer_server.data import sources
from bessemer_server.domain import states
from bessemer_server.layers import kinds as layers
from bessemer_server.training.augmentations import kinds as augmentations
from bessemer_server.training.config import TrainingConfig
from bessemer_server.training.objectives import kinds as objectives
from bessemer_server.training.optimizers import kinds as optimizers
from bessemer_server.training.schedules import kinds as schedules
from bessemer_server.training.scores import kinds as scores
from tools import render_states

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/*.md")]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)")
VERSION = re.compile(r"^## \[(\d+\.\d+\.\d+)\]", re.MULTILINE)


def test_the_diagram_of_states_is_the_table_of_legal_moves() -> None:
    assert render_states.PAGE.read_text(encoding="utf-8") == render_states.render()


def test_every_state_has_a_meaning_on_its_page() -> None:
    assert set(render_states.MEANINGS) == set(states.State)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    targets = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in targets if not (page.parent / link).exists()] == []


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in folder.glob("[0-9]*.md")}
    assert set(LINK.findall(index)) == pages


def test_the_newest_version_of_the_changelog_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert VERSION.findall(changelog)[0] == project["version"]


def test_the_tree_in_the_readme_names_what_is_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = readme.split("## What is where")[1].split("```")[1]
    for folder in ("protos/bessemer", "client/bessemer", "server/bessemer_server"):
        assert f"{folder}/" in tree
    server = tree.split("server/bessemer_server/")[1].split("tests/")[0]
    rooms = {word.rstrip("/") for word in re.findall(r"\b\w+/|\b\w+\.py\b", server)}
    present = {
        path.name
        for path in (ROOT / "server" / "bessemer_server").iterdir()
        if not path.name.startswith("_") and path.suffix in {"", ".py"}
    }
    assert rooms == present


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ("architectures", [*architectures.REGISTRY.names(), *layers.REGISTRY.names()]),
        ("data sets", sources.REGISTRY.names()),
        ("optimizers", optimizers.REGISTRY.names()),
        ("schedules", schedules.REGISTRY.names()),
        ("augmentations", augmentations.REGISTRY.names()),
    ],
)
def test_the_readme_names_all_that_can_be_trained_and_nothing_else(row: str, names: list[str]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = (line for line in readme.splitlines() if line.startswith(f"| {row} |"))
    assert set(re.findall(r"`([a-z]\w*)`", line)) == set(names)


def test_the_page_of_settings_has_a_row_for_each_setting_and_what_it_can_name() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = {
        name
        for row in re.findall(r"^\| (`[^|]+`) \|", page, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    settings = set(TrainingConfig.model_fields) - {"architecture", "dataset"}
    named = [*optimizers.REGISTRY.names(), *schedules.REGISTRY.names(), *objectives.REGISTRY.names()]
    assert rows == settings | {*named, *scores.REGISTRY.names(), *augmentations.REGISTRY.names()}
