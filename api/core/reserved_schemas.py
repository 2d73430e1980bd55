"""What the objects look like that other features store; see `api.core.reserved`."""

from __future__ import annotations

from typing import Any

from api.schemas.base import WireSchema
from api.schemas.fields import Boolean, Choice, DateTime, Integer, Json, ListOf, Number, Secret, Text
from api.schemas.hidden import HiddenFields
from api.schemas.nested import Object


def uri(**options: Any) -> Text:
    """An href that is not resolved here."""
    return Text(format="uri", **options)


class Named(WireSchema):
    """The fields that every object shows."""

    pulp_href = Text(format="uri", read_only=True)
    prn = Text(read_only=True)
    pulp_created = DateTime(read_only=True)
    pulp_last_updated = DateTime(read_only=True)


class AccessPolicy(Named):
    wire_name = "AccessPolicy"
    permissions_assignment = ListOf(Json(type="object"))
    creation_hooks = ListOf(Json(type="object"))
    statements = ListOf(Json(type="object"), required=True)
    viewset_name = Text(read_only=True)
    customized = Boolean(read_only=True)
    queryset_scoping = Json(type="object")


class Role(Named):
    wire_name = "Role"
    name = Text(required=True)
    description = Text(null=True)
    permissions = ListOf(Text(blank=True), required=True)
    locked = Boolean(read_only=True)


class UserRole(Named):
    wire_name = "UserRole"
    role = Text(required=True)
    content_object = Text(null=True)
    content_object_prn = Text(null=True)
    description = Text(read_only=True)
    permissions = ListOf(Text(), read_only=True)
    domain = uri(null=True, blank=True)


class GroupRole(UserRole):
    wire_name = "GroupRole"


class Login(WireSchema):
    wire_name = "Login"
    pulp_href = Text(format="uri", read_only=True)
    prn = Text(read_only=True)
    username = Text(read_only=True)


class LoginUpdate(WireSchema):
    wire_name = "LoginUpdate"
    username = Text(max_length=150)
    old_password = Secret()
    new_password = Secret()
    first_name = Text(blank=True, max_length=150)
    last_name = Text(blank=True, max_length=150)
    email = Text(blank=True, format="email")


class FilesystemExporter(Named):
    wire_name = "FilesystemExporter"
    name = Text(required=True)
    path = Text(required=True)
    method = Choice(("write", "hardlink", "symlink"), enum="MethodEnum", default="write")


class FilesystemExport(Named):
    wire_name = "FilesystemExport"
    task = uri(null=True, blank=True)
    exported_resources = ListOf(uri(), read_only=True)
    params = Json(type="object", read_only=True)
    publication = uri(write_only=True, blank=True)
    repository_version = uri(write_only=True, blank=True)
    start_repository_version = uri(write_only=True, blank=True)


class PulpExporter(Named):
    wire_name = "PulpExporter"
    name = Text(required=True)
    path = Text(required=True)
    repositories = ListOf(uri(blank=True), required=True)
    last_export = uri(null=True, blank=True)


class PulpExport(Named):
    wire_name = "PulpExport"
    task = uri(null=True, blank=True)
    exported_resources = ListOf(uri(), read_only=True)
    params = Json(type="object", read_only=True)
    full = Boolean(default=True, write_only=True)
    dry_run = Boolean(default=False, write_only=True)
    output_file_info = Json(type="object", read_only=True)
    toc_info = Json(type="object", read_only=True)
    versions = ListOf(uri(blank=True, write_only=True), write_only=True)
    chunk_size = Text(write_only=True)
    start_versions = ListOf(uri(blank=True, write_only=True), write_only=True)
    meta = Json(type="object", write_only=True)


class PulpImporter(Named):
    wire_name = "PulpImporter"
    name = Text(required=True)
    repo_mapping = Json(type="object", values="name")


class PulpImport(WireSchema):
    wire_name = "PulpImport"
    path = Text()
    toc = Text()
    create_repositories = Boolean(default=False)


class Import(Named):
    wire_name = "Import"
    task = uri(required=True)
    params = Json(type="object", required=True)


class Evaluation(WireSchema):
    wire_name = "Evaluation"
    context = Text(required=True)
    is_valid = Boolean(required=True)
    messages = ListOf(Text(), required=True)


class ImportCheck(WireSchema):
    wire_name = "PulpImportCheck"
    path = Text()
    toc = Text()
    repo_mapping = Text()


class ImportCheckResult(WireSchema):
    """What is wrong with an import that has not been made."""

    wire_name = "PulpImportCheck"
    toc = Object(Evaluation)
    path = Object(Evaluation)
    repo_mapping = Object(Evaluation)


class UpstreamPulp(Named):
    wire_name = "UpstreamPulp"
    name = Text(required=True)
    base_url = Text(required=True)
    api_root = Text(required=True)
    domain = Text(null=True)
    ca_cert = Text(null=True, strip=False)
    client_cert = Text(null=True, strip=False)
    client_key = Secret(null=True)
    tls_validation = Boolean()
    username = Secret(null=True)
    password = Secret(null=True)
    download_concurrency = Integer(null=True, minimum=1)
    max_retries = Integer(null=True)
    total_timeout = Number(null=True, minimum=0.0)
    connect_timeout = Number(null=True, minimum=0.0)
    sock_connect_timeout = Number(null=True, minimum=0.0)
    sock_read_timeout = Number(null=True, minimum=0.0)
    remote_policy = Choice(("immediate", "on_demand", "streamed"), enum="RemotePolicyEnum")
    hidden_fields = HiddenFields()
    q_select = Text(null=True, blank=True)
    last_replication = DateTime(read_only=True)
    policy = Choice(("all", "labeled", "nodelete"), enum="Policy357Enum")


class Replicate(WireSchema):
    wire_name = "UpstreamPulpReplicate"
    q_select = Text(null=True, blank=True)


class SigningService(Named):
    wire_name = "SigningService"
    name = Text(required=True)
    public_key = Text(required=True)
    pubkey_fingerprint = Text(required=True)
    script = Text(required=True)
