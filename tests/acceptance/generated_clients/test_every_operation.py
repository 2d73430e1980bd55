"""No operation of the generated clients is forgotten: each is called by a test, or listed here with the reason why not."""

import importlib
from fnmatch import fnmatchcase
from pathlib import Path

from tests.acceptance import test_domains
from tests.support.clients import calls, every_operation

#: Operations (``*`` stands for anything) -> why no test calls them.
NOT_CALLED = {
    "ContentOpenpgpUserattributeApi.read": "the key that the tests make has no user attribute: there is none to read",
    "ContentOpenpgpUserattributeApi.*_label": "as read",
    "DistributionsArtifactsApi.read": "nothing makes one: there are none to read",
    "DomainsApi.migrate": "its path names no domain and so means the default one, whose store is a setting of the server",
    "UploadsApi.add_role": "the published document names the schema of an upload as its body: no role fits in",
    "UploadsApi.remove_role": "as add_role",
    "VulnReportApi.read": "no type of content of the platform itself can be scanned, so that there is no report",
    "VulnReportApi.delete": "as read",
}


def called():
    assert test_domains, "it makes promises, too: domains need a platform that has them switched on"
    for path in Path(__file__).parent.glob("test_*.py"):
        if path != Path(__file__):
            importlib.import_module(f"tests.acceptance.generated_clients.{path.stem}")
    return calls.made


def with_reason():
    return {one for one in every_operation() if any(fnmatchcase(one, pattern) for pattern in NOT_CALLED)}


def test_every_operation_is_called_or_has_a_reason():
    assert every_operation() - called() - with_reason() == set()


def test_what_is_called_exists():
    assert called() <= every_operation()


def test_every_reason_is_still_needed():
    assert called() & with_reason() == set()
    assert all(any(fnmatchcase(one, pattern) for one in every_operation()) for pattern in NOT_CALLED)
