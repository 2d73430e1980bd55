"""No subcommand of the ``pulp`` command's core and file groups is forgotten: each is driven by a test of this folder, or
listed here with the reason why not."""

import importlib
from fnmatch import fnmatchcase
from pathlib import Path

from tests.support.pulp_command import drives, subcommands

#: Groups of other plugins of the command, for types of content that this platform does not have.
OTHER_PLUGINS = ("ansible", "container", "python", "rpm")

NO_ROLES = "the command itself refuses it, whatever the server offers: it knows of no roles on objects of this type"

#: Subcommands (``*`` stands for anything) -> why no test drives them.
NOT_DRIVEN = {
    "file repository version scan": "the server's document offers it for no type of repository",
    "vulnerability-report show": "no type of content of the platform itself can be scanned, so that there is no report",
    "content-guard composite role *": NO_ROLES, "content-guard header role *": NO_ROLES,
    "content-guard redirect role *": NO_ROLES, "domain role *": NO_ROLES,
}


def ours():
    return {one for one in subcommands() if one.split()[0] not in OTHER_PLUGINS}


def driven():
    for path in Path(__file__).parent.glob("test_*_group.py"):
        importlib.import_module(f"tests.acceptance.pulp_command.{path.stem}")
    return drives.made


def with_reason():
    return {one for one in ours() if any(fnmatchcase(one, pattern) for pattern in NOT_DRIVEN)}


def test_every_subcommand_is_driven_or_has_a_reason():
    assert ours() - driven() - with_reason() == set()


def test_what_is_driven_exists():
    assert driven() <= ours()


def test_every_reason_is_still_needed():
    assert driven() & with_reason() == set()
