"""What may not be in a log."""

import logging

import pytest
from dramatiq.broker import MessageProxy
from dramatiq.message import Message

from pulp_actor.logs import configure_logging


@pytest.fixture
def root_handlers():
    before, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = before
    logging.root.setLevel(level)


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_messages_arguments_are_not_logged_at_any_level(capsys, root_handlers, form):
    configure_logging("DEBUG", form)
    message = Message("default", "some.actor", ("PLANTED 1",), {"password": "PLANTED 2"}, {})
    for one in (message, MessageProxy(message)):
        logging.getLogger("dramatiq.worker").error("Failed to process message %s.", one)
        logging.getLogger("dramatiq.broker").debug("Enqueueing message %r on queue %r.", one, "default")
    said = capsys.readouterr().err
    assert "PLANTED" not in said
    assert said.count(f"some.actor[{message.message_id}]") == 4
