"""Settings: typed, from file and environment, with the nearest name suggested."""

import pytest

from pulp_actor.errors import ConfigurationError
from pulp_actor.settings import SETTINGS, Settings, unknown_variables


def loaded(tmp_path=None, toml=None, **environ):
    if toml is not None:
        path = tmp_path / "settings.toml"
        path.write_text(toml)
        environ["PULP_SETTINGS"] = str(path)
    settings = Settings()
    settings.load(environ)
    return settings


def test_environment_goes_before_file_and_file_before_default(tmp_path):
    settings = loaded(tmp_path, "WORKERS = 5\nPAGE_SIZE = 7\n", PULP_WORKERS="9")
    assert (settings.WORKERS, settings.PAGE_SIZE) == (9, 7)
    assert SETTINGS["MAX_PAGE_SIZE"].default == settings.MAX_PAGE_SIZE
    assert settings.source("WORKERS") == "PULP_WORKERS"
    assert settings.source("PAGE_SIZE").endswith("settings.toml")
    assert settings.source("MAX_PAGE_SIZE") == "default"


def test_values_that_are_not_plain_strings_are_json():
    settings = loaded(PULP_ALLOWED_IMPORT_PATHS='["/srv", "/mnt"]', PULP_DOMAIN_ENABLED="true", PULP_API_BIND="[::1]:80")
    assert settings.ALLOWED_IMPORT_PATHS == ["/srv", "/mnt"]
    assert settings.DOMAIN_ENABLED is True
    assert settings.API_BIND == "[::1]:80"


@pytest.mark.parametrize("value", ["many", "1.5", "true", "[]", ""])
def test_an_ill_typed_value_is_an_error_that_names_the_variable(value):
    with pytest.raises(ConfigurationError, match="PULP_WORKERS: WORKERS must be int"):
        loaded(PULP_WORKERS=value)


def test_an_unknown_name_in_the_file_is_an_error_with_a_suggestion(tmp_path):
    with pytest.raises(ConfigurationError, match="unknown setting WORKER; did you mean WORKERS"):
        loaded(tmp_path, "WORKER = 3\n")


def test_an_unknown_variable_is_no_error_and_the_nearest_one_is_known():
    environment = {"PULP_WORKERZ": "3", "PULP_XYZZY": "", "PULP_WORKERS": "4", "PULP_SETTINGS": "", "HOME": "/"}
    assert loaded(**environment).WORKERS == 4
    assert unknown_variables(environment) == [("PULP_WORKERZ", "PULP_WORKERS"), ("PULP_XYZZY", "")]


def test_what_differs_from_the_defaults_is_handed_to_children():
    settings = loaded(PULP_WORKERS="9", PULP_ALLOWED_IMPORT_PATHS='["/srv"]')
    child = Settings()
    child.load(settings.environment())
    assert (child.WORKERS, child.ALLOWED_IMPORT_PATHS) == (9, ["/srv"])
    assert "PULP_PAGE_SIZE" not in settings.environment()
