"""Signs URLs of S3 objects with a file name and media type in them, which obstore cannot. Transfers nothing."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import quote


class S3Signer:
    """Signs for the bucket, endpoint and credentials that obstore's options name; what they leave out is looked up as AWS's
    own tools do.

    Parameters:
        options: obstore's options of an S3 store.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = {**options.get("config", {}), **options}
        self._client: Any = None
        self._lock = threading.Lock()

    def url(self, key: str, lifetime: int, filename: str, content_type: str) -> str:
        """A URL for GET (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html)."""
        prefix = self._options.get("prefix")
        return str(self._connected().generate_presigned_url("get_object", ExpiresIn=lifetime, Params={
            "Bucket": self._options.get("bucket"),
            "Key": f"{prefix.strip('/')}/{key}" if prefix else key,
            "ResponseContentDisposition": f"attachment; filename*=UTF-8''{quote(filename, safe='')}",
            "ResponseContentType": content_type,
        }))

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                import boto3  # noqa: PLC0415  (slow to import, and of use to those alone who keep content in S3)
                from botocore.config import Config  # noqa: PLC0415

                virtual = self._options.get("virtual_hosted_style_request")
                self._client = boto3.client(
                    "s3", endpoint_url=self._options.get("endpoint"),
                    region_name=self._options.get("region") or self._options.get("default_region") or "us-east-1",
                    aws_access_key_id=self._options.get("access_key_id"),
                    aws_secret_access_key=self._options.get("secret_access_key"),
                    aws_session_token=self._options.get("session_token"),
                    config=Config(signature_version="s3v4", s3={"addressing_style": "virtual" if virtual else "path"}),
                )
            return self._client
