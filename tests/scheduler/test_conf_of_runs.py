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
