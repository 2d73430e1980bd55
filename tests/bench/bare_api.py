"""The yardstick of the API benchmark: a Falcon handler that runs one indexed SELECT through peewee, under the same
gunicorn with the same settings as the API, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import falcon

from api.service import Service
from pulp_actor.bootstrap import bootstrap
from pulp_actor.db import connected, database


class OneRow:
    def on_get(self, request: falcon.Request, response: falcon.Response, key: str) -> None:
        with connected():
            cursor = database.execute_sql("SELECT * FROM repository WHERE id = %s", (key,))
            names = [column[0] for column in cursor.description]
            response.data = json.dumps(dict(zip(names, cursor.fetchone(), strict=True)), default=str).encode()
        response.content_type = falcon.MEDIA_JSON


class BareService(Service):
    def load(self) -> Any:
        app = falcon.App()
        app.add_route("/bare/{key}/", OneRow())
        return app


if __name__ == "__main__":
    bootstrap()
    BareService().run()
