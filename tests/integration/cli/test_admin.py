"""Migrations from several places at once, and the admin user."""

import json
import os
import subprocess
import sys

import pytest

from pulp_actor.bootstrap import bootstrap
from pulp_actor.cli import accounts
from pulp_actor.cli.admin import reachable_database
from pulp_actor.cli.rundir import Facts, RunDir
from pulp_actor.db import connected
from pulp_actor.db.migrate import migrate, pending
from pulp_actor.errors import ConfigurationError, SchemaBehind
from pulp_actor.models import User
from pulp_actor.security.passwords import VerifiedPasswords
from pulp_actor.settings import settings


def password_of_admin(text):
    with connected():
        return VerifiedPasswords().verify(text, User.get(User.username == "admin").password)


def test_migrating_from_several_processes_at_once_is_safe(empty_database, data_dir):
    environment = os.environ | {"PULP_DATABASE_URL": empty_database.url, "PULP_DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "pulp_actor.cli.main", "migrate"]
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                 for _ in range(4)]
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    assert sum("applied" in text for text in said) == 1
    assert sum("up to date" in text for text in said) == 3
    assert pending() == []


def test_a_schema_that_is_behind_is_refused_with_the_command_to_run(empty_database):
    assert pending()
    with pytest.raises(SchemaBehind, match="pulp-actor migrate"):
        bootstrap()
    migrate()
    bootstrap()


def test_no_database_is_an_error_that_says_what_to_do():
    with settings.override(DATABASE_URL=""), pytest.raises(ConfigurationError, match="PULP_DATABASE_URL"):
        bootstrap()


def test_a_command_works_with_the_settings_of_the_platform_that_runs(database, data_dir, tmp_path):
    """Else a rotation of the key, say, would look for the keys where this process was told of none."""
    keys = str(tmp_path / "keys elsewhere" / "database.key")
    run_dir = RunDir(data_dir)
    run_dir.claim()
    run_dir.write(Facts(1, "", "", settings.DATABASE_URL, "admin", "", {"DB_ENCRYPTION_KEY": keys}))
    with settings.override(DATABASE_URL=""), reachable_database(str(data_dir), None):
        used = settings.DB_ENCRYPTION_KEY
    assert used == keys
    run_dir.release()


def test_a_service_logs_a_variable_that_nobody_knows():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PULP_")}
    environment |= {"PULP_WORKERZ": "3", "PULP_LOG_FORMAT": "json"}
    done = subprocess.run(
        [sys.executable, "-m", "pulp_actor.queue.service"], env=environment, capture_output=True, text=True,
        check=False, timeout=60)
    first, error = done.stderr.splitlines()
    told = json.loads(first)
    assert (told["level"], told["event"]) == ("warning", "unknown environment variable")
    assert (told["variable"], told["nearest"]) == ("PULP_WORKERZ", "PULP_WORKERS")
    assert error.startswith("pulp-worker: no database is configured")


def test_the_admin_is_made_once_with_a_password_of_its_own(database, data_dir):
    first = accounts.ensure_admin(data_dir)
    assert (first.created, first.generated) == (True, True)
    assert password_of_admin(first.text)
    again = accounts.ensure_admin(data_dir)
    assert (again.created, again.generated, again.text) == (False, False, first.text)


def test_a_given_password_is_for_a_new_user_only(database, data_dir):
    with settings.override(ADMIN_PASSWORD="mine"):
        assert accounts.ensure_admin(data_dir) == accounts.AdminPassword("mine", created=True)
    with settings.override(ADMIN_PASSWORD="another"):
        assert accounts.ensure_admin(data_dir) == accounts.AdminPassword("mine", ignored=True)
    assert password_of_admin("mine")


def test_a_password_that_was_changed_elsewhere_is_not_known(database, data_dir):
    accounts.ensure_admin(data_dir)
    accounts.remember(data_dir, "stale")
    assert accounts.ensure_admin(data_dir) == accounts.AdminPassword("")


def test_a_reset_password_works_and_wakes_a_disabled_admin(database, data_dir):
    assert accounts.reset_admin(data_dir, "first") is True
    with connected():
        User.update(is_active=False).execute()
    assert accounts.reset_admin(data_dir, "second") is False
    assert password_of_admin("second")
    with connected():
        assert User.get(User.username == "admin").is_active
    assert accounts.recall(data_dir) == "second"
