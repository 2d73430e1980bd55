"""The options of a store under the names that Pulp's users know (those of django-storages), in the names of obstore."""

from __future__ import annotations

from typing import Any

_NAMES: dict[str, dict[str, str]] = {
    "local": {"MEDIA_ROOT": "path", "location": "path", "base_path": "path"},
    "s3": {
        "bucket_name": "bucket", "access_key": "access_key_id", "secret_key": "secret_access_key",
        "security_token": "session_token", "endpoint_url": "endpoint", "region_name": "region", "location": "prefix",
    },
    "azure": {
        "azure_container": "container_name", "account_name": "account_name", "account_key": "account_key",
        "sas_token": "sas_key", "location": "prefix", "endpoint_suffix": "endpoint_suffix",
    },
    "gcs": {"bucket_name": "bucket", "location": "prefix", "credentials": "service_account_key"},
}

#: What says how a client of another library behaves, and means nothing here.
_IGNORED = frozenset((
    "MEDIA_URL", "base_url", "file_permissions_mode", "directory_permissions_mode", "default_acl", "signature_version",
    "object_parameters", "querystring_auth", "querystring_expire", "file_overwrite", "max_memory_size", "gzip",
    "overwrite_files", "expiration_secs", "project_id",
))


def store_options(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """``given`` in obstore's names; what is in those names already stays as it is."""
    names = _NAMES.get(kind, {})
    options = {names.get(name, name): value for name, value in given.items() if name not in _IGNORED and value != ""}
    if kind == "s3":
        style = options.pop("addressing_style", None)
        if style is not None:
            options["virtual_hosted_style_request"] = style == "virtual"
        _allow_plain_http(options)
    return options


def _allow_plain_http(options: dict[str, Any]) -> None:
    """Who names an http endpoint means it."""
    if str(options.get("endpoint", "")).startswith("http://"):
        options["client_options"] = {"allow_http": True, **options.get("client_options", {})}
