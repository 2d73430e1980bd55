"""The one difference between dramatiq 1.18 and 2.2 that we touch: the name of an exception."""

from dramatiq import errors

BrokerConnectionError: type[Exception] = getattr(errors, "BrokerConnectionError", None) or errors.ConnectionError
