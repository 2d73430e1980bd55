"""Every filter of every list against a model in Python: whatever value it is given, the rows that come back are those that
the model picks out of all rows. So are those that a query of the boolean language selects."""

import functools
import operator
import re
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from api.filters import LOOKUPS
from api.routes import all_endpoints
from api.schemas.fields import Boolean, Integer, Number, Text
from pulp_actor.identifiers import registry
from pulp_actor.plugins import load_plugins

load_plugins()

LISTS = [one for one in all_endpoints() if any(operation.responses.get(200) == "page" for operation in one.operations)]

#: Filters that look at more than the row's own fields -> the test of tests/integration/api/test_lists.py that tries them.
ELSEWHERE = {
    "added_between", "removed_between", "repository_version", "repository_version_added", "repository_version_removed",
    "with_content", "latest_with_content", "content", "content__in", "orphaned_for", "digest", "missing", "online",
    "exclusive_resources", "exclusive_resources__in", "shared_resources", "shared_resources__in", "reserved_resources",
    "reserved_resources__in", "contains_permission", "for_object_type", "checkpoint", "repository", "repository__in",
    "created_resources", "created_resources__in", "child_tasks", "parent_task", "task_group", "worker", "worker__in",
}

#: Characters that mean something to SQL, to LIKE, to the query language, or have another case.
LETTERS = "aBc_%\\'\"-. é1"


def key_of(row):
    return row["prn"].rpartition(":")[2]


def type_of(row):
    path = row["pulp_href"].removeprefix("/pulp/api/v3/").strip("/").rpartition("/")[0]
    return registry.by_path(path).type


def value_of(row, field):
    """What a row holds under a filter's field."""
    if field == "pulp_id":
        return key_of(row)
    return type_of(row) if field == "pulp_type" else row[field]


def split(parameter):
    """The field and the lookup of a parameter."""
    field, _, lookup = parameter.rpartition("__")
    return (field, lookup) if field and lookup in LOOKUPS else (parameter, "exact")


def labels_select(labels, text):
    """The model of ``pulp_label_select``."""
    for term in text.split(","):
        key, op, value = re.fullmatch(r"\s*(!?[\w\-./]+)\s*(?:(!=|=|~)(.*))?", term).groups()
        held = labels.get(key.removeprefix("!"))
        if key.startswith("!"):
            fits = key[1:] not in labels
        elif op is None:
            fits = key in labels
        elif op == "=":
            fits = key in labels and held == value
        elif op == "!=":
            fits = key in labels and held is not None and held != value
        else:
            fits = held is not None and value.lower() in held.lower()
        if not fits:
            return False
    return True


COMPARED = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
TEXTUAL = {
    "contains": lambda held, part: part in held, "startswith": lambda held, part: held.startswith(part),
    "regex": lambda held, pattern: re.search(pattern, held) is not None,
}


def fits(row, one, texts):
    """Whether the model lets a row through a filter with these values."""
    if one.name == "pulp_label_select":
        return labels_select(row["pulp_labels"], texts[0])
    field, lookup = split(one.name)
    held = value_of(row, field)
    if lookup == "isnull":
        return (held is None) == (texts[0] == "true")
    values = [read(one, text) for text in texts]
    if lookup == "ne":
        return held != values[0]
    if held is None:
        return False
    if lookup == "exact":
        return held == values[0]
    if lookup == "in":
        return held in values
    if lookup == "range":
        return values[0] <= held <= values[1]
    if lookup in COMPARED:
        return COMPARED[lookup](held, values[0])
    if lookup.startswith("i"):
        held, values, lookup = held.lower(), [values[0].lower()], lookup.removeprefix("i")
    return held == values[0] if lookup == "exact" else TEXTUAL[lookup](held, values[0])


def read(one, text):
    if one.name == "pulp_id__in":
        return text
    if isinstance(one.kind, Boolean):
        return text == "true"
    return int(text) if isinstance(one.kind, Integer) else float(text) if isinstance(one.kind, Number) else text


def is_modelled(endpoint, one):
    field, _ = split(one.name)
    shown = {"pulp_id", "pulp_type", "pulp_label_select", *endpoint.wire.shown}
    return one.name not in ELSEWHERE and field in shown


def words(rows, one):
    """Values to ask for: what rows hold, parts of it, and other text of the same kind; None: there are none."""
    if one.name == "pulp_label_select":
        return st.sampled_from(["team", "!team", "team=a", "team!=a", "team~A", "team,level=1", "!level,team=b", "nothing"])
    field, lookup = split(one.name)
    if isinstance(one.kind, Boolean) or lookup == "isnull":
        return st.sampled_from(["true", "false"])
    held = sorted({str(value) for row in rows if (value := value_of(row, field)) is not None})
    if isinstance(one.kind, Integer | Number):
        return st.integers(-1, 10).map(str) | st.sampled_from(held or ["1"])
    if type(one.kind) is not Text or "href" in field or field in ("prn", "remote"):
        return st.sampled_from(held) if held else None
    whole = st.sampled_from(held) if held else st.nothing()
    parts = whole.flatmap(lambda text: st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(
        lambda pair: text[min(pair):max(pair)]))
    return whole | parts | parts.map(str.swapcase) | st.text(LETTERS, max_size=3)


@functools.cache
def rows_of(world, path):
    return tuple(world.rows(world.endpoints[path]))


def terms(rows, endpoint):
    """(parameter, values) that a list can be asked for."""
    def values(name):
        one = endpoint.filters.by_name[name]
        _, lookup = split(one.name)
        number = 2 if lookup == "range" else 1
        several = st.lists(words(rows, one), min_size=number, max_size=3 if lookup == "in" else number)
        if "regex" in lookup:
            several = several.map(lambda texts: [f"^{re.escape(texts[0])}"])
        return several.map(lambda texts: (name, texts))

    return st.sampled_from([
        one.name for one in endpoint.filters.filters if is_modelled(endpoint, one) and words(rows, one) is not None
    ]).flatmap(values)


@functools.cache
def asked(world):
    """The lists that have rows, and filters that the model knows."""
    return tuple(
        one.path for one in LISTS if ("{" not in one.path or one.path.endswith("/versions")) and rows_of(world, one.path)
        and any(is_modelled(one, each) for each in one.filters.filters))


def keys(rows):
    return sorted(row["pulp_href"] for row in rows)


def found(world, endpoint, **params):
    answer = world.api.get(f"{world.path(endpoint)}/", urlencode({"limit": 1000, **params}))
    assert answer.status_code == 200, answer.text
    assert answer.json["count"] == len(answer.json["results"])
    return keys(answer.json["results"])


BOUNDED = settings(
    max_examples=100, deadline=None, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large])


@BOUNDED
@given(st.data())
def test_a_filter_lets_through_what_the_model_lets_through(world, data):
    endpoint = world.endpoints[data.draw(st.sampled_from(asked(world)))]
    rows = rows_of(world, endpoint.path)
    name, texts = data.draw(terms(rows, endpoint))
    note(f"{endpoint.path}: {name} = {texts}")
    expected = keys(row for row in rows if fits(row, endpoint.filters.by_name[name], texts))
    assert found(world, endpoint, **{name: ",".join(texts)}) == expected


def written(endpoint, name, texts):
    """A term in the boolean language, its value in quotes; and the model's predicate."""
    one = endpoint.filters.by_name[name]
    quoted = re.sub(r"([\\'])", r"\\\1", ",".join(texts))
    return f"{name} = '{quoted}'", lambda row: fits(row, one, texts)


def joined(how, first, second):
    """Two queries as one; ``how`` is NOT (of the second), AND or OR."""
    if how == "NOT":
        return f"{first[0]} and NOT ({second[0]})", lambda row: first[1](row) and not second[1](row)
    if how == "AND":
        return f"NOT {first[0]} AND ({second[0]})", lambda row: not first[1](row) and second[1](row)
    return f"({first[0]}) or {second[0]}", lambda row: first[1](row) or second[1](row)


@BOUNDED
@given(st.data())
def test_a_query_selects_what_the_model_selects(world, data):
    endpoint = world.endpoints[data.draw(st.sampled_from(
        [path for path in asked(world) if world.endpoints[path].filters.query_language]))]
    rows = rows_of(world, endpoint.path)
    query = written(endpoint, *data.draw(terms(rows, endpoint)))
    for how in data.draw(st.lists(st.sampled_from(["NOT", "AND", "OR"]), min_size=1, max_size=2)):
        query = joined(how, written(endpoint, *data.draw(terms(rows, endpoint))), query)
    text, selects = query
    note(f"{endpoint.path}: {text}")
    assert found(world, endpoint, q=text) == keys(row for row in rows if selects(row))


def test_every_filter_is_in_the_model_or_tried_elsewhere(world):
    forgotten = {
        (endpoint.path, one.name) for endpoint in LISTS for one in endpoint.filters.filters
        if not is_modelled(endpoint, one) and one.name not in ELSEWHERE}
    assert forgotten == set()
