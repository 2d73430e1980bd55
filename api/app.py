"""Builds the Falcon app. A process has been bootstrapped before it calls `make_app`; see `api.service`."""

from __future__ import annotations

import falcon

from api.access.declared import know
from api.audit import Audit
from api.browse import Browsable
from api.conditional import Conditional
from api.console.site import add_console
from api.docs import add_docs
from api.errors import add_error_handlers
from api.metering import Metering, MetricsResource
from api.middleware import RequestScope
from api.routes import add_routes, all_endpoints, root_endpoint
from api.tracing import Tracing
from pulp_actor.plugins import load_plugins
from pulp_actor.queue import load_actors
from pulp_actor.settings import settings
from pulp_actor.static import static_folders


def make_app() -> falcon.App:
    """The WSGI app, with the endpoints of the core and of every installed plugin."""
    load_plugins()
    load_actors()
    app: falcon.App = falcon.App()
    endpoints = all_endpoints()
    know(endpoints)
    app.add_middleware(Metering())
    app.add_middleware(Conditional())
    app.add_middleware(RequestScope())
    app.add_middleware(Audit())
    if settings.OTEL_ENDPOINT:
        app.add_middleware(Tracing())
    app.add_middleware(Browsable(endpoints))
    app.req_options.auto_parse_qs_csv = False
    app.req_options.keep_blank_qs_values = True
    app.resp_options.secure_cookies_by_default = False
    add_error_handlers(app)
    add_routes(app, [root_endpoint(endpoints), *endpoints])
    add_docs(app, endpoints)
    add_console(app)
    app.add_route("/metrics", MetricsResource())
    if settings.DEBUG:
        for name, folder in static_folders().items():
            app.add_static_route(f"{settings.STATIC_URL}{name}", str(folder))
    return app
