"""What the page may do, and that one's own page and a public one are two rows of one table."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

from asrquant.base.policy import OWN, PUBLIC, Policy, policy
from asrquant.base.settings import Settings

PACKAGE = Path(__file__).parents[2] / "asrquant"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, OWN),
        ({"ASRQUANT_PUBLIC": "0"}, OWN),
        ({"ASRQUANT_PUBLIC": "1"}, PUBLIC),
        ({"SPACE_ID": "somebody/asrquant"}, PUBLIC),
        ({"SPACE_ID": " "}, PUBLIC),
        ({"SPACE_ID": "somebody/asrquant", "ASRQUANT_PUBLIC": "0"}, PUBLIC),
    ],
)
def test_whose_page_it_is(environment: dict[str, str], expected: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPACE_ID", "ASRQUANT_PUBLIC"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Policy.of(Settings.read(environment)) is policy() is expected


def test_strangers_get_no_more_than_an_owner() -> None:
    """Each attribute is stricter in public; an attribute that makes no difference is none."""
    granted = ("trusts_sources", "loads_own_models", "reads_local_folders")
    guards = ("public", "hides_paths", "own_artifacts_only", "models_give_way")
    assert [(getattr(OWN, name), getattr(PUBLIC, name)) for name in granted] == [(True, False)] * 3
    assert [(getattr(OWN, name), getattr(PUBLIC, name)) for name in guards] == [(False, True)] * 4
    limits = {each.name for each in fields(Policy)} - {*granted, *guards}
    for name in limits:
        own, public = getattr(OWN, name), getattr(PUBLIC, name)
        assert public > 0 and (own is None or own > public), name


def test_security_md_states_the_numbers() -> None:
    said = (PACKAGE.parent / "SECURITY.md").read_text(encoding="utf-8")
    assert PUBLIC.artifacts_kept_seconds == 3600 and "they expire after an hour" in said
    assert PUBLIC.artifacts_give_way_seconds == 600 and "the oldest give way after ten minutes" in said
    assert PUBLIC.seconds_per_request == 300 and "300 s of work a request" in said
    assert PUBLIC.seconds_per_build == 900 and "900 s to load and build its models" in said


def test_every_attribute_decides_something() -> None:
    """Each is asked for outside of ``policy``, and nobody else asks the settings who may come."""
    names = {each.name for each in fields(Policy)}
    asked, deciders = set(), set()
    for path in set(PACKAGE.rglob("*.py")) - {PACKAGE / "base" / "policy.py"}:
        text = path.read_text(encoding="utf-8")
        used = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)]
        asked |= {node.attr for node in used} & names if "import policy\n" in text else set()
        if any(node.attr in ("public", "space") and ast.unparse(node.value) == "settings()" for node in used):
            deciders.add(path.name)
    assert asked == names
    assert deciders == {"foot.py"}  # which links a Space's source, by its name
