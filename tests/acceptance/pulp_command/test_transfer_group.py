"""Moving data between servers: ``pulp exporter``, ``export``, ``importer``, ``upstream-pulp``; and ``signing-service``."""

from tests.support.empty_upstream import empty_upstream
from tests.support.platform import pulp_actor
from tests.support.pulp_command import drives
from tests.support.signing import SAY, SIGN, keys

__all__ = ["empty_upstream", "keys"]


@drives("exporter pulp create", "exporter pulp show", "exporter pulp list", "exporter pulp update", "exporter pulp destroy",
        "export pulp run", "export pulp list", "export pulp show", "export pulp destroy")
def test_a_repository_is_exported(pulp, fresh, platform):
    name, folder = fresh("exporter"), platform.shelf / fresh("archive")
    pulp("file", "repository", "create", "--name", name)
    pulp("exporter", "pulp", "create", "--name", name, "--path", str(folder), "--repository", f"file:file:{name}")
    pulp("exporter", "pulp", "update", "--name", name, "--path", f"{folder}-elsewhere")
    shown = pulp("exporter", "pulp", "show", "--name", name)
    assert (shown["path"], len(shown["repositories"])) == (f"{folder}-elsewhere", 1)
    assert name in {one["name"] for one in pulp("exporter", "pulp", "list", "--limit", "100")}

    pulp("export", "pulp", "run", "--exporter", name, "--full", "true")
    (export,) = pulp("export", "pulp", "list", "--exporter", name)
    files = pulp("export", "pulp", "show", "--href", export["pulp_href"])["output_file_info"]
    assert files and all(path.startswith(f"{folder}-elsewhere") for path in files)
    pulp("export", "pulp", "destroy", "--href", export["pulp_href"])
    assert pulp("export", "pulp", "list", "--exporter", name) == []
    pulp("exporter", "pulp", "destroy", "--name", name)
    assert pulp.run("exporter", "pulp", "show", "--name", name).exit_code != 0


@drives("importer pulp create", "importer pulp show", "importer pulp list", "importer pulp update", "importer pulp destroy")
def test_an_importer(pulp, fresh):
    name = fresh("importer")
    pulp("importer", "pulp", "create", "--name", name, "--repo-map", "there", "here")
    pulp("importer", "pulp", "update", "--name", name, "--repo-map", "there", "elsewhere")
    assert pulp("importer", "pulp", "show", "--name", name)["repo_mapping"] == {"there": "elsewhere"}
    assert name in {one["name"] for one in pulp("importer", "pulp", "list", "--limit", "100")}
    pulp("importer", "pulp", "destroy", "--name", name)
    assert pulp.run("importer", "pulp", "show", "--name", name).exit_code != 0


@drives("upstream-pulp create", "upstream-pulp show", "upstream-pulp list", "upstream-pulp update",
        "upstream-pulp replicate", "upstream-pulp destroy")
def test_an_upstream_that_has_nothing_for_us(pulp, fresh, empty_upstream):
    name = fresh("upstream")
    pulp("upstream-pulp", "create", "--name", name, "--base-url", "http://127.0.0.1:9", "--api-root", "/pulp/",
         "--username", "u", "--password", "p", "--policy", "nodelete")
    pulp("upstream-pulp", "update", "--upstream-pulp", name, "--base-url", empty_upstream)
    shown = pulp("upstream-pulp", "show", "--upstream-pulp", name)
    assert (shown["base_url"], shown["policy"], "password" in shown) == (empty_upstream, "nodelete", False)
    assert name in {one["name"] for one in pulp("upstream-pulp", "list", "--limit", "100")}
    pulp("upstream-pulp", "replicate", "--upstream-pulp", name)
    assert pulp("upstream-pulp", "show", "--upstream-pulp", name)["last_replication"]
    pulp("upstream-pulp", "destroy", "--upstream-pulp", name)
    assert name not in {one["name"] for one in pulp("upstream-pulp", "list", "--limit", "100")}


@drives("signing-service list", "signing-service show")
def test_a_signing_service(pulp, fresh, platform, keys, tmp_path):
    home, fingerprint, _ = keys["gpg"]
    name, script = fresh("signing"), tmp_path / "sign.sh"
    script.write_text(f"#!/bin/sh\n{SIGN['gpg']}\n{SAY}\n")
    script.chmod(0o755)

    def command(*arguments):
        return pulp_actor(platform.directory, *arguments, DATA_DIR=str(platform.data_dir)).returncode

    assert command("add-signing-service", name, str(script), fingerprint, "--home", str(home)) == 0
    assert pulp("signing-service", "show", "--name", name)["pubkey_fingerprint"] == fingerprint
    assert name in {one["name"] for one in pulp("signing-service", "list")}
    assert command("remove-signing-service", name) == 0
