"""``pulp exporter``, ``export`` and ``importer``: repositories that travel as archives."""

from tests.support.pulp_command import drives


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
