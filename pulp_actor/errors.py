"""The kinds of error that cross a layer: one type per kind, each of which says what is wrong in the user's words."""


class PulpActorError(Exception):
    """Base of every error that the platform raises on purpose; its text is fit to be shown to a user."""


class ConfigurationError(PulpActorError):
    """A setting, an address or a directory that cannot work. The command prints it as one line and exits with 1."""


class SchemaBehind(ConfigurationError):
    """The database's schema is older than the code; says which command to run."""


class ValidationError(PulpActorError):
    """Input that is refused, by field: ``{"name": ["This field is required."]}``."""

    def __init__(self, messages: dict[str, object]):
        super().__init__("; ".join(f"{field}: {text}" for field, text in messages.items()))
        self.messages = messages


class NotFound(PulpActorError):
    """A reference that leads to nothing."""


class QuotaExceeded(PulpActorError):
    """More is to be stored than a quota allows; the text names the quota."""
