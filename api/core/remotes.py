"""Remotes of all types: schema, query, filters and operations."""

from __future__ import annotations

from typing import Any

from peewee import Select

from api.core.common import Family, columns, family_filters, labelling, orderings
from api.core.roles import role_operations
from api.endpoints import Operation
from api.filters import FilterSet, text_filters, time_filters
from api.operations import creating, deleting_in_task, listing, reading, updating_in_task
from api.schemas.base import ObjectSchema, WireSchema, refuse
from api.schemas.fields import INDEXED_LIMIT, Boolean, Choice, Integer, Json, Labels, ListOf, Number, Secret, Text
from api.schemas.hidden import HiddenFields, are_set
from pulp_actor.models import Remote
from pulp_actor.models.remote import SECRET_FIELDS

POLICIES = ("immediate", "on_demand", "streamed")


class Pem(Text):
    """Certificates or a key, in PEM."""

    default_error_messages = {"pem": "This is not in PEM format."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)


class Headers(ListOf):
    """Headers; null, as which a remote shows that it has none, is taken for none. The contract's schema does not say so."""

    def __init__(self, item: Json, **kwargs: Any) -> None:
        super().__init__(item, null=True, **kwargs)

    def openapi(self, *, response: bool) -> dict[str, Any]:
        return {name: value for name, value in super().openapi(response=response).items() if name != "nullable"}


class NetworkConfig(WireSchema):
    """How a server is spoken to: TLS, proxy, credentials, patience. Part of a remote, and of its own in uploads by URL."""

    wire_name = "RemoteNetworkConfig"

    ca_cert = Pem(null=True, help="PEM of the certificates that the server is checked against.")
    client_cert = Pem(null=True, help="PEM of the certificate that is shown to the server.")
    client_key = Secret(null=True, help="PEM of the private key that belongs to client_cert.")
    tls_validation = Boolean(help="Whether the server's certificate is checked.")
    proxy_url = Text(null=True, help="scheme://host:port of the proxy.")
    proxy_username = Secret(null=True, help="User name at the proxy.")
    proxy_password = Secret(null=True, help="Password at the proxy.")
    username = Secret(null=True, help="User name at the server.")
    password = Secret(null=True, help="Password at the server.")
    max_retries = Integer(null=True, help="How often a download is tried again; null: as the platform sees fit.")
    total_timeout = Number(null=True, minimum=0.0, help="Seconds for one whole download.")
    connect_timeout = Number(null=True, minimum=0.0, help="Seconds to get a connection, waiting for a free one included.")
    sock_connect_timeout = Number(null=True, minimum=0.0, help="Seconds to connect to the server.")
    sock_read_timeout = Number(null=True, minimum=0.0, help="Seconds between two reads from the server.")
    headers = Headers(Json(type="object"), help="Headers of every request: [{\"Name\": \"value\"}].")
    download_concurrency = Integer(null=True, minimum=1, help="How many downloads run at once.")
    rate_limit = Integer(null=True, help="Requests a second, over all downloads.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        check_network(data, current)


def check_network(data: dict[str, Any], current: Any) -> None:
    """Rules on how a server is spoken to. Raises ValidationError."""
    for header in data.get("headers") or ():
        for name, value in header.items():
            if not isinstance(value, str) or not name or any(c in "\r\n" for c in name + value):
                raise refuse("headers", f"The header {name!r} needs one line of text.")

    def final(name: str) -> Any:
        return data[name] if name in data else getattr(current, name, None)

    for user, password in (("proxy_username", "proxy_password"),):
        if (user in data or password in data) and bool(final(user)) != bool(final(password)):
            raise refuse(user, f"{user} and {password} are given together.")
    proxy = data.get("proxy_url")
    if proxy and "@" in proxy:
        raise refuse("proxy_url", "Credentials of the proxy belong into proxy_username and proxy_password.")


def policy_field(enum: str) -> Choice:
    """The field that says when files are downloaded, under the name its enum has in a component's document."""
    return Choice(
        POLICIES, enum=enum, default="immediate",
        help="immediate: files are downloaded in a sync; on_demand: when they are asked for; streamed: never kept.")


class RemoteSchema(NetworkConfig, ObjectSchema):
    """A remote of any type; a plugin's schema derives from it."""

    wire_name = "GenericRemote"
    model = Remote

    name = Text(required=True, limit=INDEXED_LIMIT, help="A name that no other remote has.")
    url = Text(required=True, help="The address of what is mirrored.")
    pulp_labels = Labels(help="Labels of the remote.")
    policy = policy_field("Policy692Enum")
    hidden_fields = HiddenFields(*SECRET_FIELDS)


def remote_rows(type_: str | None = None) -> Select:
    """All remotes (of one type), whether each secret is set but never a secret."""
    query = Remote.select(*columns(Remote, without=SECRET_FIELDS), *are_set(Remote, SECRET_FIELDS))
    return query if type_ is None else query.where(Remote.type == type_)


def remote_filters(type_: str | None = None) -> FilterSet:
    """What remotes can be filtered and ordered by. An order by a secret is an order by nothing: it would tell it."""
    filters = [*text_filters("name", Remote.name), *time_filters("pulp_last_updated", Remote.pulp_last_updated)]
    order = orderings(Remote, (
        "ca_cert", "client_cert", "connect_timeout", "download_concurrency", "headers", "max_retries", "name", "policy",
        "proxy_url", "pulp_labels", "rate_limit", "sock_connect_timeout", "sock_read_timeout", "tls_validation",
        "total_timeout", "url",
    ), **{name: getattr(Remote, name).is_null() for name in SECRET_FIELDS})
    return family_filters(Remote, type_, filters, order)


def remote_operations(*more: Operation) -> list[Operation]:
    """What every type of remote offers."""
    return [
        listing(), creating(), reading(), *updating_in_task(), deleting_in_task(), *labelling(), *role_operations(),
        *more,
    ]


#: The remotes of all types.
REMOTES = Family("remotes", "Remotes", RemoteSchema, remote_rows, remote_filters, remote_operations)

#: The endpoint of one type of remote: `Family.of_type`.
remote_endpoint = REMOTES.of_type
