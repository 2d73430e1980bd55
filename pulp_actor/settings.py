"""One typed table of settings: name, type, default, one line of help.

Read once, on first use: defaults, then the settings file (TOML, named by ``PULP_SETTINGS``), then ``PULP_<NAME>`` from
the environment (JSON where the type is not a plain string). Nothing else in the project reads the environment for
configuration. Names that Pulp has keep Pulp's meaning.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pulp_actor.errors import ConfigurationError

ENV_PREFIX = "PULP_"

#: Options of a store that are no secret; every other is masked.
_SHOWN_OPTIONS = ("class", "path", "bucket", "region")


@dataclass(frozen=True)
class Setting:
    """One row of the table. ``type`` is one of str, int, float, bool, list, dict."""

    name: str
    type: type
    default: Any
    help: str
    secret: bool = False

    def coerce(self, value: Any, source: str) -> Any:
        """Return ``value`` as this setting's type.

        Raises:
            ConfigurationError: it cannot be read as that type; the text names the setting and where it came from.
        """
        if self.type is str and isinstance(value, str):
            return value
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                lowered = value.strip().lower()
                if self.type is bool and lowered in ("true", "yes", "on", "false", "no", "off"):
                    return lowered in ("true", "yes", "on")
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if self.type is bool and value in (0, 1):
            return bool(value)
        if isinstance(value, self.type) and not (self.type is int and isinstance(value, bool)):
            return value
        raise ConfigurationError(f"{source}: {self.name} must be {self.type.__name__}, not {value!r}")


def _table(*rows: Setting) -> dict[str, Setting]:
    return {row.name: row for row in rows}


SETTINGS: Mapping[str, Setting] = _table(
    # Where things are
    Setting("DATABASE_URL", str, "", "PostgreSQL URL; empty means the embedded server in the data directory."),
    Setting("DATA_DIR", str, "", "Where the database, artifacts and keys live; empty means ~/.local/share/pulp-actor."),
    Setting("API_BIND", str, "127.0.0.1:24817", "Address and port the API listens on."),
    Setting("CONTENT_BIND", str, "127.0.0.1:24816", "Address and port the content server listens on."),
    Setting("API_PROCESSES", int, 1, "Processes of the API server."),
    Setting("API_THREADS", int, 8, "Threads of each API process."),
    Setting("CONTENT_PROCESSES", int, 1, "Processes of the content server."),
    Setting("WORKERS", int, 2, "Worker processes under one supervisor."),
    Setting("ADMIN_PASSWORD", str, "", "Password of a new admin user; empty means one is generated.", secret=True),
    # The wire
    Setting("API_ROOT", str, "/pulp/", "Path under which the API is served; ends in a slash."),
    Setting("CONTENT_ORIGIN", str, "", "Scheme and host that clients reach content by; empty: CONTENT_BIND."),
    Setting("CONTENT_PATH_PREFIX", str, "/pulp/content/", "Path under which content is served; ends in a slash."),
    Setting("DOMAIN_ENABLED", bool, False, "Put each team's objects into a domain of their own."),
    Setting("PAGE_SIZE", int, 100, "Results on one page of a list where the request names no limit."),
    Setting("MAX_PAGE_SIZE", int, 1000, "Most results on one page of a list."),
    Setting("MAX_BODY_SIZE", int, 10 * 1024 * 1024, "Largest JSON or form body of a request, in bytes."),
    # Content
    Setting("STORAGE", dict, {"class": "local"}, "Object store: {\"class\": \"local\"} or obstore's options."),
    Setting("MIN_FREE_SPACE", int, 256 * 1024 * 1024,
            "Bytes that stay free on the store's disk: what would take them fails before the disk is full."),
    Setting("ALLOWED_IMPORT_PATHS", list, [], "Folders below which file:// remotes and imports may read."),
    Setting("ALLOWED_EXPORT_PATHS", list, [], "Folders below which exports may write."),
    Setting("ALLOWED_CONTENT_CHECKSUMS", list, ["sha224", "sha256", "sha384", "sha512"], "Digests that are computed."),
    Setting("VULNERABILITY_SERVICE", str, "https://api.osv.dev", "Address of the OSV service that scans of versions ask."),
    Setting("ORPHAN_PROTECTION_TIME", int, 24 * 60, "Minutes for which an orphan is kept."),
    Setting("UPLOAD_PROTECTION_TIME", int, 0, "Minutes after which an unfinished upload is dropped; 0: never."),
    Setting("TASK_PROTECTION_TIME", int, 0, "Minutes after which a finished task is dropped; 0: never."),
    Setting("TMPFILE_PROTECTION_TIME", int, 0, "Minutes after which a temporary file is dropped; 0: never."),
    Setting("DISTRIBUTED_PUBLICATION_RETENTION_PERIOD", int, 3 * 24 * 60 * 60,
            "Seconds for which a superseded publication is still served."),
    Setting("REMOTE_CONTENT_FETCH_FAILURE_COOLDOWN", int, 60,
            "Seconds for which a remote that failed to serve a file is not asked for it again."),
    Setting("REDIRECT_TO_OBJECT_STORAGE", bool, True,
            "Send clients to an object store by signed URLs instead of passing its bytes on."),
    Setting("CONTENT_OFFLOAD", str, "",
            "Let the web server in front send local files: x-accel-redirect (nginx), x-sendfile (Apache), or empty."),
    Setting("CONTENT_OFFLOAD_PREFIX", str, "/internal-media/",
            "nginx's internal location over the media directory, for x-accel-redirect."),
    Setting("CONTENT_ACCESS_LOG", bool, True, "Log a line for each request to the content server."),
    Setting("CONTENT_DRAIN_TIMEOUT", int, 60, "Seconds that a stopping content server gives its open downloads."),
    Setting("CONTENT_TLS_CERTIFICATE", str, "", "PEM file with the content server's certificate chain; empty: no TLS."),
    Setting("CONTENT_TLS_KEY", str, "", "PEM file with the key of CONTENT_TLS_CERTIFICATE."),
    Setting("CONTENT_TLS_CLIENT_CA", str, "", "PEM file of the authorities whose client certificates are asked for."),
    # Tasks
    Setting("WORKER_THREADS", int, 1, "Tasks at a time in one worker process; keep 1 unless actors are thread-safe."),
    Setting("WORKER_TTL", int, 25, "Seconds without a sign of life after which a worker counts as lost."),
    Setting("WORKER_GRACE_PERIOD", int, 30, "Seconds a stopping worker gives its task before it hands it back."),
    Setting("WORKER_MAX_TASKS", int, 0, "Tasks after which a worker process is replaced; 0: never."),
    Setting("WORKER_MAX_MEMORY", int, 0, "Resident MiB after which a worker process is replaced; 0: never."),
    Setting("TASK_CANCEL_GRACE", int, 5, "Seconds a cancelled actor has to react before its process is killed."),
    Setting("TASK_DIAGNOSTICS", bool, False, "Allow tasks to record diagnostics on request."),
    Setting("DIAGNOSTIC_ACTORS", bool, False, "Register harmless actors to try a queue with."),
    Setting("SAMPLE_INTERVAL", int, 15, "Seconds between two samples of queue and store for the console's plots; 0: none."),
    Setting("SIGNING_TIMEOUT", int, 120, "Seconds that a signing script may take."),
    Setting("WEBHOOK_MAX_ATTEMPTS", int, 12, "Times that a webhook is told of an event before it is given up."),
    Setting("WEBHOOK_RETRY_DELAY", float, 10.0, "Seconds before the second time; doubled each time, up to an hour."),
    # Security
    Setting("DB_ENCRYPTION_KEY", str, "", "File of Fernet keys, newest first; empty: <data dir>/keys/database.key."),
    Setting("PASSWORD_CACHE_TTL", int, 30, "Seconds for which a verified password is remembered under a keyed hash."),
    Setting("PASSWORD_MIN_LENGTH", int, 8, "Characters that a new password has at least."),
    Setting("PASSWORD_MIN_CLASSES", int, 1, "Kinds of characters (capitals, small letters, digits, others) in it."),
    Setting("SESSION_LIFETIME", int, 14 * 24 * 60 * 60, "Seconds after its login that a session ends."),
    Setting("REMOTE_USER_HEADER", str, "",
            "Header in which a trusted proxy names the user it has authenticated; empty: no header is believed."),
    Setting("TRUSTED_PROXIES", list, ["127.0.0.1", "::1"], "Addresses and networks of proxies that are believed."),
    Setting("OIDC_ISSUER", str, "", "Issuer of OpenID Connect tokens that are accepted; empty: none are."),
    Setting("OIDC_AUDIENCE", str, "", "The audience those tokens must be made for."),
    Setting("OIDC_JWKS_URL", str, "", "Where the issuer's keys are; empty: as its discovery document says."),
    Setting("OIDC_USERNAME_CLAIM", str, "preferred_username", "Claim that names the user."),
    Setting("OIDC_GROUPS_CLAIM", str, "", "Claim that names the user's groups; empty: tokens say nothing of groups."),
    Setting("OIDC_GROUPS", dict, {}, "Value of the groups claim -> name of a group; empty: groups have their own names."),
    Setting("CREATE_VOUCHED_USERS", bool, True, "Make users that a trusted proxy or the issuer vouches for."),
    Setting("REMOTE_ADDRESSES", str, "default", "Which addresses a remote may reach: default, public or any."),
    # Static files and development
    Setting("STATIC_ROOT", str, "", "Where `collectstatic` gathers static files; empty: static in the data directory."),
    Setting("STATIC_URL", str, "/static/", "Path under which static files are served; ends in a slash."),
    Setting("DEBUG", bool, False, "Development: the API serves static files from where core and plugins have them."),
    # Analytics
    Setting("ANALYTICS", bool, True, "Tell ANALYTICS_URL once a day, anonymously, how large this installation is."),
    Setting("ANALYTICS_URL", str, "", "Where analytics are posted to; empty: nowhere."),
    # Observation
    Setting("WORKER_METRICS_BIND", str, "",
            "Address and port on which a worker service tells its metrics and its readiness; empty: nowhere."),
    Setting("OTEL_ENDPOINT", str, "",
            "URL of an OpenTelemetry collector for traces (OTLP over HTTP: http://host:4318/v1/traces); empty: none."),
    Setting("OTEL_SAMPLE_RATIO", float, 1.0, "Share of the traces that are kept, from 0 to 1."),
    Setting("LOG_LEVEL", str, "INFO", "Least severe level that is logged."),
    Setting("LOG_FORMAT", str, "auto", "console, json or auto (console on a terminal)."),
)


class Settings:
    """The settings in force, read as attributes: ``settings.API_BIND``. Loaded on first use."""

    def __init__(self) -> None:
        self._values: dict[str, Any] | None = None
        self._sources: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if self._values is None:
            self.load()
        assert self._values is not None
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"no setting named {name}") from None

    def load(self, environ: Mapping[str, str] | None = None) -> None:
        """Read defaults, file and environment.

        Raises:
            ConfigurationError: an ill-typed value, or an unknown name in the file (the nearest known one is suggested).
        """
        environ = os.environ if environ is None else environ
        values = {name: setting.default for name, setting in SETTINGS.items()}
        sources = dict.fromkeys(SETTINGS, "default")
        path = environ.get(ENV_PREFIX + "SETTINGS", "")
        for name, value, source in [*_from_file(path), *_from_environment(environ)]:
            values[name] = SETTINGS[name].coerce(value, source)
            sources[name] = source
        self._values, self._sources = values, sources

    def source(self, name: str) -> str:
        """Where the value in force came from: ``default``, the file's path, or the environment variable."""
        if self._values is None:
            self.load()
        return self._sources[name]

    def shown(self, name: str) -> Any:
        """A value as it may be shown: secrets, and passwords in URLs and in the store's options, are masked."""
        value = getattr(self, name)
        if SETTINGS[name].secret and value:
            return "***"
        if isinstance(value, dict):
            return {key: part if key in _SHOWN_OPTIONS else "***" for key, part in value.items()}
        if isinstance(value, str) and "@" in value and "://" in value:
            parts = urlsplit(value)
            if parts.password:
                host = parts.netloc.rpartition("@")[2]
                return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))
        return value

    def set(self, source: str, **values: Any) -> None:
        """Put ``values`` in force, as command-line options do."""
        if self._values is None:
            self.load()
        assert self._values is not None
        for name, value in values.items():
            self._values[name] = SETTINGS[name].coerce(value, source)
            self._sources[name] = source

    @contextmanager
    def override(self, **values: Any) -> Iterator[None]:
        """Put ``values`` in force for the length of a ``with`` block; for tests."""
        if self._values is None:
            self.load()
        assert self._values is not None
        before = dict(self._values)
        self.set("override", **values)
        try:
            yield
        finally:
            self._values = before

    def environment(self) -> dict[str, str]:
        """The settings that were given, as environment variables for a child process."""
        if self._values is None:
            self.load()
        assert self._values is not None
        return {
            ENV_PREFIX + name: value if isinstance(value, str) else json.dumps(value)
            for name, value in self._values.items()
            if self._sources[name] != "default" or value != SETTINGS[name].default
        }

    @property
    def data_dir(self) -> Path:
        """The data directory as a path, with its default filled in."""
        configured = self.DATA_DIR
        return Path(configured).expanduser().absolute() if configured else Path.home() / ".local/share/pulp-actor"

    @property
    def content_origin(self) -> str:
        """Scheme and host of the content server as clients reach it, without a trailing slash."""
        scheme = "https" if self.CONTENT_TLS_CERTIFICATE else "http"
        return self.CONTENT_ORIGIN.rstrip("/") or f"{scheme}://{self.CONTENT_BIND}"


def environment_variable(name: str) -> str | None:
    """A variable that is no setting but is named by data: that of an environment-variable guard."""
    return os.environ.get(name)


def _from_file(path: str) -> list[tuple[str, Any, str]]:
    if not path:
        return []
    try:
        table = tomllib.loads(Path(path).read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"cannot read the settings file {path}: {error}") from None
    for name in table:
        if name not in SETTINGS:
            raise ConfigurationError(f"{path}: unknown setting {name}{_nearest(name)}")
    return [(name, value, path) for name, value in table.items()]


def _from_environment(environ: Mapping[str, str]) -> list[tuple[str, Any, str]]:
    return [
        (name, environ[ENV_PREFIX + name], ENV_PREFIX + name) for name in SETTINGS if ENV_PREFIX + name in environ]


def unknown_variables(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """The variables of an environment that look like settings but are none, each with the nearest one that is, or "".
    Whoever starts something says so: they may be a slip, or another program's."""
    return [
        (variable, close and ENV_PREFIX + close) for variable in sorted(environ)
        if (name := variable.removeprefix(ENV_PREFIX)) not in (variable, "SETTINGS", *SETTINGS)
        for close in [_closest(name)]
    ]


def _closest(name: str) -> str:
    return next(iter(difflib.get_close_matches(name.upper(), SETTINGS, n=1)), "")


def _nearest(name: str) -> str:
    close = _closest(name)
    return f"; did you mean {close}?" if close else ""


settings = Settings()
