"""What `deploy/` says to orchestrators: valid by their own schemas and linters, and true of this tree."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import compose_spec
import kubernetes_validate
import pytest
import yaml

from content.probes import PAGES
from pulp_actor.settings import SETTINGS

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))


def documents() -> Iterator[dict[str, Any]]:
    for path in KUBERNETES:
        yield from yaml.safe_load_all(path.read_text())


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document for document in documents() if document["kind"] == kind]


def pods() -> Iterator[dict[str, Any]]:
    for document in documents():
        if document["kind"] in ("Deployment", "Job"):
            yield document["spec"]["template"]["spec"]


def commands() -> set[str]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    scripts = parser["options.entry_points"]["console_scripts"]
    return {line.partition("=")[0].strip() for line in scripts.strip().splitlines()}


def assert_known_settings(names: set[str]) -> None:
    unknown = {name for name in names if name.startswith("PULP_")} - {f"PULP_{name}" for name in SETTINGS}
    assert not unknown - {"PULP_DB_PASSWORD"}, f"no such settings: {unknown}"


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_manifests_are_valid(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text()):
        if document["kind"] != "Kustomization":
            kubernetes_validate.validate(document, "1.33", strict=True)


def test_the_kustomization_names_every_manifest() -> None:
    (kustomization,) = of_kind("Kustomization")
    assert set(kustomization["resources"]) == {path.name for path in KUBERNETES} - {"kustomization.yaml"}


def test_every_service_has_probes_a_disruption_budget_and_no_privileges() -> None:
    budgets = {budget["metadata"]["name"] for budget in of_kind("PodDisruptionBudget")}
    for deployment in of_kind("Deployment"):
        assert deployment["metadata"]["name"] in budgets
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = container[probe]["httpGet"]["path"].removeprefix("/pulp/api/v3")
            assert path == ("/readyz/" if probe == "readinessProbe" else "/livez/") and path in PAGES
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] and pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["command"][0] in commands()
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
            assert context["capabilities"] == {"drop": ["ALL"]}


def test_selectors_find_their_pods() -> None:
    labels = [document["spec"]["template"]["metadata"]["labels"] for document in of_kind("Deployment")]
    for kind in ("Service", "PodDisruptionBudget"):
        for document in of_kind(kind):
            selector = document["spec"]["selector"]
            assert selector.get("matchLabels", selector) in labels


def test_workers_follow_the_depth_of_the_queue() -> None:
    (scaler,) = of_kind("HorizontalPodAutoscaler")
    assert scaler["spec"]["scaleTargetRef"]["name"] == "pulp-worker"
    (metric,) = scaler["spec"]["metrics"]
    assert metric["external"]["metric"]["name"] == "pulp_queue_ready_tasks"
    (worker,) = [one for one in of_kind("Deployment") if one["metadata"]["name"] == "pulp-worker"]
    assert "replicas" not in worker["spec"], "an apply would undo what the autoscaler has done"


def test_a_stopping_pod_has_the_time_that_its_service_takes() -> None:
    grace = {one["metadata"]["name"]: one["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
             for one in of_kind("Deployment")}
    assert grace["pulp-worker"] > SETTINGS["WORKER_GRACE_PERIOD"].default + 11
    assert grace["pulp-content"] > SETTINGS["CONTENT_DRAIN_TIMEOUT"].default


def test_settings_in_manifests_exist() -> None:
    for kind in ("ConfigMap", "Secret"):
        for document in of_kind(kind):
            assert_known_settings(set(document.get("data", {})) | set(document.get("stringData", {})))
    for path in [*(DEPLOY / "systemd").iterdir(), DEPLOY / "nginx" / "pulp.conf", DEPLOY / "container" / "Containerfile"]:
        assert_known_settings(set(re.findall(r"PULP_[A-Z_]+", path.read_text())))


def test_the_image_is_linted() -> None:
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [program, "--no-color", "--failure-threshold", "info", DEPLOY / "container" / "Containerfile"],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_image_has_all_that_is_installed() -> None:
    text = (DEPLOY / "container" / "Containerfile").read_text()
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    for package in parser["options.packages.find"]["include"].split():
        assert f"COPY {package.rstrip('*')} {package.rstrip('*')}\n" in text
    assert "USER 10001" in text


def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())


def test_the_compose_file_is_valid() -> None:
    document = {name: part for name, part in compose().items() if not name.startswith("x-")}
    for service in document["services"].values():
        service.pop("<<", None)
    compose_spec.PyCompose.from_json(json.dumps(document)).validate()
    services = document["services"]
    assert {services[name]["command"][0] for name in ("api", "content", "worker")} <= commands()
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services)
        assert_known_settings(set(service["environment"]))
        if name != "database":
            assert service["read_only"] and service["cap_drop"] == ["ALL"]
