"""The models say what the migrations made: every column, and whether it may be null."""

import pytest

from pulp_actor import models
from pulp_actor.db import connected
from pulp_actor.db import database as db
from pulp_actor.queue import models as queue_models

TABLES = [
    model
    for module in (models, queue_models)
    for model in vars(module).values()
    if isinstance(model, type) and hasattr(model, "_meta") and model.__module__.startswith("pulp_actor")
    and model not in (models.BaseModel, models.DetailContent, queue_models._Model)
]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_model_and_table_agree(model):
    with connected():
        columns = {column.name: column.null for column in db.get_columns(model._meta.table_name)}
    assert columns, f"there is no table {model._meta.table_name}"
    declared = {field.column_name: field.null for field in model._meta.sorted_fields}
    assert declared.keys() <= columns.keys()
    assert {name: null for name, null in declared.items() if columns[name] != null} == {}
