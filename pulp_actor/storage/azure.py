"""Signs URLs of Azure blobs with a file name and media type in them, which obstore cannot. Transfers nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote


class AzureSigner:
    """Signs for the container that obstore's options name, if they hold its account's key and the package
    ``azure-storage-blob`` is installed (``pulp-actor[azure]``).

    Parameters:
        options: obstore's options of an Azure store.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = {**options.get("config", {}), **options}

    def url(self, key: str, lifetime: int, filename: str, content_type: str) -> str | None:
        """A URL for GET (https://learn.microsoft.com/rest/api/storageservices/create-service-sas), or None without key or
        package."""
        account, secret = self._options.get("account_name"), self._options.get("account_key")
        try:
            from azure.storage.blob import BlobSasPermissions, generate_blob_sas  # noqa: PLC0415  (optional, and slow)
        except ImportError:
            return None
        if not account or not secret:
            return None
        container, prefix = str(self._options.get("container_name")), str(self._options.get("prefix") or "").strip("/")
        blob = f"{prefix}/{key}" if prefix else key
        signature = generate_blob_sas(
            account, container, blob, account_key=secret, permission=BlobSasPermissions(read=True),
            expiry=datetime.now(UTC) + timedelta(seconds=lifetime), content_type=content_type,
            content_disposition=f"attachment; filename*=UTF-8''{quote(filename, safe='')}",
        )
        endpoint = self._options.get("endpoint") or f"https://{account}.blob.core.windows.net"
        return f"{str(endpoint).rstrip('/')}/{container}/{quote(blob)}?{signature}"
