"""``docs/faults.md``: its rules are rules, and no action, member or path is missing."""

import json
import re
import shlex
from pathlib import Path

import click
import msgspec

from docstore.cli.commands.testserver import testserver as command
from docstore.double.actions import Action
from docstore.double.entries import Entry
from docstore.double.rules import Match, rule_of

PAGE = (Path(__file__).parents[2] / "docs" / "faults.md").read_text()


def test_rules_are_rules() -> None:
    fenced = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    spoken = [word for line in PAGE.splitlines() if "'{" in line for word in shlex.split(line) if word[:1] == "{"]
    assert len(fenced) == 1
    assert len(spoken) == 2
    for text in (*fenced, *spoken):
        assert rule_of(json.loads(text))


def test_every_action_is_told_with_its_members() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)\((.*?)\)` \|", PAGE, re.MULTILINE)
    kinds = {kind.__struct_config__.tag: kind for kind in Action.__args__}
    assert [name for name, _, _ in rows] == sorted(kinds, key=[name for name, _, _ in rows].index)
    assert {name for name, _, _ in rows} == set(kinds)
    for name, kind, members in rows:
        assert kinds[name].__name__ == kind
        told = members.split(", ") if members else []
        assert told == [field.name for field in msgspec.structs.fields(kinds[name])]


def test_every_member_of_a_match_is_told() -> None:
    section = PAGE.partition("### Match")[2].partition("### Actions")[0]
    told = {name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert told == {field.name for field in msgspec.structs.fields(Match)}


def test_every_option_is_told() -> None:
    section = PAGE.partition("## docstore testserver")[2]
    options = {option.opts[0] for option in command.params if isinstance(option, click.Option)}
    assert {name for name in options if f"`{name}" not in section and f"{name} " not in section} == set()


def test_members_of_an_entry_are_there() -> None:
    section = PAGE.partition("An entry has")[2].partition("Credentials")[0]
    for name in re.findall(r"`(\w+)`", section):
        assert name in (Entry.__doc__ or "") or hasattr(Entry, name), name
