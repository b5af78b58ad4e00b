"""What a run may be given: its conf against the params that the Dag file declares."""

from typing import Any

import pytest

from tradewind.core.errors import InvalidInput
from tradewind.scheduler.params import check_conf
from tradewind.sdk import DAG, Param
from tradewind.sdk.serialize import dag_spec

PARAMS = {
    "rows": Param(10, type="integer", minimum=1, description="how many rows"),
    "source": Param(type="string", enum=["file", "database"]),
    "anything": Param(),
    "plain": 5,
    "maybe": Param(None, type=["null", "string"]),
    "far": Param(1, **{"$ref": "https://example.com/schema.json"}),
}
GOOD = {"source": "file", "anything": None}


def check(conf: dict[str, Any], *names: str) -> None:
    params = {name: PARAMS[name] for name in names or ("rows", "source", "anything", "plain", "maybe")}
    spec = dag_spec(DAG("d", schedule=None, params=params), file="d.py")
    check_conf("d", spec.params, conf)


def test_what_fits_is_let_through_with_names_that_no_param_has() -> None:
    check({**GOOD, "rows": 3, "plain": "text", "maybe": "x", "more": [1]})


def test_a_value_that_does_not_fit_is_refused_with_the_params_name_and_what_it_takes() -> None:
    with pytest.raises(InvalidInput) as refused:
        check({**GOOD, "rows": "many"})
    text = str(refused.value)
    assert text.startswith("Dag 'd': conf gives param 'rows', but 'many' is not of type 'integer' (wanted: {")
    assert '"minimum": 1' in text
    assert "how many rows" in text
    with pytest.raises(InvalidInput, match="'ftp' is not one of"):
        check({**GOOD, "source": "ftp"})


def test_a_param_without_default_must_be_given() -> None:
    with pytest.raises(InvalidInput, match=r"Dag 'd' needs a value for its param 'anything'; give it in conf"):
        check({"source": "file"})
    with pytest.raises(InvalidInput, match=r"needs a value for its param 'source' \(wanted: .*\"file\""):
        check({"anything": 1})


def test_a_schema_that_points_elsewhere_is_refused_and_fetches_nothing() -> None:
    with pytest.raises(InvalidInput, match="its JSON schema cannot be used"):
        check({}, "far")


def refusal(schema: dict[str, Any], value: Any) -> str:
    """Why a value is refused; empty when it is not."""
    try:
        check_conf("d", {"p": {"value": None, "schema": schema}}, {"p": value})
    except InvalidInput as refused:
        return str(refused)
    return ""


def test_a_pattern_that_would_take_for_ever_is_answered_at_once() -> None:
    schema = {"type": "string", "pattern": "^(a+)+$"}
    assert refusal(schema, "a" * 50) == ""
    assert f"{'a' * 50 + '!'!r} does not match '^(a+)+$'" in refusal(schema, "a" * 50 + "!")


@pytest.mark.parametrize("pattern", [r"^(a+)\1+b$", "^(?=a)(a|a)*b$", "(?i)^(a|a)*$"])
def test_what_cannot_be_matched_in_linear_time_is_left_to_the_tasks_process(pattern: str) -> None:
    assert refusal({"type": "string", "pattern": pattern}, "a" * 60 + "!") == ""
    assert "is not of type 'string'" in refusal({"type": "string", "pattern": pattern}, 5)


def test_a_text_that_is_too_long_for_its_pattern_is_left_to_the_tasks_process() -> None:
    assert refusal({"pattern": "^(a|b)*$"}, "x" * 1_000_000) == ""


def test_names_of_properties_are_matched_the_same_way() -> None:
    schema = {"patternProperties": {"^(n+)+$": {"type": "integer"}}, "additionalProperties": False}
    assert refusal(schema, {"nn": 1}) == ""
    assert "'x' is not of type 'integer'" in refusal(schema, {"nn": "x"})
    assert "'other' is more than the schema has properties for" in refusal(schema, {"other": 1})
    assert refusal({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}, {"a": 1, "b": "x"}) == ""
    assert "1 is not of type 'string'" in refusal({"additionalProperties": {"type": "string"}}, {"b": 1})
    assert refusal({"patternProperties": {"(?=x)": {"type": "string"}}, "additionalProperties": False}, {"x": 1}) == ""


def test_a_pattern_that_is_none_makes_its_schema_unusable() -> None:
    assert "its JSON schema cannot be used" in refusal({"pattern": "("}, "x")
