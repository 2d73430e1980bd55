"""The audit log: one structured line for each request that asked for a change, whoever asked and whatever came of it: who,
by which credential, what, to which object, through which task, and how it ended. The correlation id ties it to the lines
of the task. Bodies are never in it.
"""

from __future__ import annotations

from typing import Any

import falcon

from api.auth.session import SAFE_METHODS
from api.resources import EndpointResource
from pulp_actor.logs import get_logger

logger = get_logger("pulp_actor.audit")


class Audit:
    """Writes the line when the answer is known. Stands inside `RequestScope`, whose correlation id it wants."""

    def process_response(self, request: falcon.Request, response: falcon.Response, resource: Any, ok: bool) -> None:
        if request.method in SAFE_METHODS or not isinstance(resource, EndpointResource):
            return
        operation = next((one for one in resource.operations if one.method == request.method), None)
        if operation is None:
            return
        account = getattr(request.context, "account", None)
        answer = getattr(request.context, "answer", None)
        body = answer.body if answer is not None and isinstance(answer.body, dict) else {}
        logger.info(
            "change", user=account.username if account else None, via=account.via if account else None,
            what=f"{resource.endpoint.viewset_name}:{operation.action}", path=request.path,
            object=response.get_header("Location") or request.path, task=body.get("task") or body.get("task_group"),
            status=falcon.http_status_to_code(response.status), address=request.remote_addr,
        )
