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


#: What may be shown of a store's settings, in either library's names. Everything else is hidden: a setting that nobody
#: thought of may be a secret.
_SHOWN = frozenset((
    *_IGNORED, "MEDIA_ROOT", "location", "base_path", "path", "bucket_name", "bucket", "endpoint_url", "endpoint",
    "region_name", "region", "default_region", "addressing_style", "azure_container", "container_name", "account_name",
    "endpoint_suffix", "prefix", "virtual_hosted_style_request",
)) - {"object_parameters"}


def shown_settings(given: dict[str, Any]) -> dict[str, Any]:
    """A store's settings without its secrets, and ``hidden_fields``: which of those are set."""
    hidden = [{"name": name, "is_set": given[name] not in (None, "")} for name in sorted(given) if name not in _SHOWN]
    return {name: value for name, value in given.items() if name in _SHOWN} | {"hidden_fields": hidden}


def same_place(kind: str, one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two settings of a kind of store differ in their secrets at most."""
    def place(given: dict[str, Any]) -> dict[str, Any]:
        return store_options(kind, {name: value for name, value in given.items() if name in _SHOWN})

    return place(one) == place(other)


def merged_settings(held: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """New settings; secrets that they do not name stay as they are, so that what was shown can be sent back."""
    kept = {name: value for name, value in held.items() if name not in _SHOWN}
    return kept | {name: value for name, value in given.items() if name != "hidden_fields"}


def without_secrets(text: str, given: dict[str, Any]) -> str:
    """A message about settings, in which no secret stands."""
    for name, value in given.items():
        if name not in _SHOWN and isinstance(value, str) and value:
            text = text.replace(value, "***")
    return text
