"""Templates: fields of every shape, files, native values, user macros and filters, and errors as sentences."""

from __future__ import annotations

from collections import namedtuple

import jinja2
import pytest
from execution_attempts import DAY, FakeRuntime, attempt, offer, rendered, run_info, value_of, xcom

from tradewind.sdk.dag import DAG
from tradewind.sdk.decorators import task
from tradewind.sdk.execution import prepare, run_attempt
from tradewind.sdk.execution.masking import mask_secret
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.xcom_arg import ResolveMixin

Pair = namedtuple("Pair", "left right")


class Show(BaseOperator):
    """Returns its rendered field."""

    template_fields = ("field",)
    template_ext = (".sql",)

    def __init__(self, *, field, **kwargs):
        super().__init__(**kwargs)
        self.field = field

    def execute(self, context):
        return self.field


def shown(field, *, runtime=None, run=None, xcoms=(), **dag_arguments):
    with DAG("d", schedule=None, **dag_arguments) as dag:
        Show(task_id="t", field=field, render_template_as_native_obj=None)
    return attempt(dag, "t", runtime, run=run, xcoms=list(xcoms))


class Nested:
    template_fields = ("inner",)

    def __init__(self, inner):
        self.inner = inner


class Literal(ResolveMixin):
    def __init__(self, value):
        self.value = value

    def resolve(self, context):
        return self.value


@pytest.mark.parametrize(
    ("field", "fixed"),
    [
        ("plain", True),
        (["plain", ("a", 1, None), {"k": {"b", 2.5}}], True),
        ([], True),
        (["plain", {"k": ["{{ ds }}"]}], False),
        (["query.sql"], False),
        ([Nested("plain")], False),
        ([Literal("plain")], False),
        (Pair("a", "b"), False),
    ],
)
def test_an_operator_is_left_as_it_is_only_where_nothing_in_it_can_be_a_template(field: object, fixed: bool) -> None:
    with DAG("d", schedule=None) as dag:
        Show(task_id="t", field=field)
    assert prepare(dag).task("t").is_fixed is fixed


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("{{ ds }}", "2024-03-05"),
        ("plain", "plain"),
        (["{{ ds }}", 1, None], ["2024-03-05", 1, None]),
        (("{{ ds }}",), ("2024-03-05",)),
        ({"{{ ds }}": {"k": ["{{ run_id }}"]}}, {"{{ ds }}": {"k": ["scheduled__2024-03-05T00:00:00+00:00"]}}),
        ({"{{ ds }}"}, {"2024-03-05"}),
        (Literal("{{ ds }}"), "{{ ds }}"),
        ("line\n", "line"),
        ("{% set x = [] %}{% do x.append(1) %}{{ x }}", "[1]"),
        ("{{ macros.ds_add(ds, -2) }} {{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%y') }}", "2024-03-03 05.03.24"),
        ("{{ macros.datetime(2024, 1, 1) + macros.timedelta(days=1) }}", "2024-01-02 00:00:00"),
        ("{{ macros.json.dumps([1]) }} {{ macros.yaml.safe_load('a: 1') }}", "[1] {'a': 1}"),
        ("{{ logical_date | ds_nodash }} {{ logical_date | ts_nodash_with_tz }}", "20240305 20240305T000000+0000"),
        ("{{ logical_date | ts_nodash }} {{ data_interval_end | ds }}", "20240305T000000 2024-03-06"),
    ],
)
def test_fields_of_every_shape_are_rendered(field, expected) -> None:
    assert value_of(shown(field)) == expected


def test_named_tuples_and_objects_keep_their_type_and_the_authored_object_its_templates() -> None:
    seen = []
    inner = Nested(["{{ ds }}"])
    with DAG("d", schedule=None) as dag:
        PythonOperator(task_id="t", op_args=[Pair("{{ ds }}", inner), inner], python_callable=lambda *a: seen.extend(a))
    for _ in range(2):
        assert attempt(dag, "t").outcome == "success"
    pair, again = seen[-2:]
    assert pair == Pair("2024-03-05", again)
    assert again.inner == ["2024-03-05"]
    assert inner.inner == ["{{ ds }}"]


def test_results_of_other_tasks_are_filled_in_and_are_never_templates() -> None:
    """S15"""
    with DAG("d", schedule=None) as dag:
        first = PythonOperator(task_id="first", python_callable=lambda: 1)
        Show(task_id="t", field={"a": first.output, "b": "{{ ti.xcom_pull('first') }}"})
    runtime = FakeRuntime()
    report = attempt(dag, "t", runtime, xcoms=[xcom("first", "{{ 1 + 1 }}")])
    assert value_of(report) == {"a": "{{ 1 + 1 }}", "b": "{{ 1 + 1 }}"}
    assert runtime.asked == []


def test_a_result_that_nobody_left_is_none_without_a_question_to_the_engine() -> None:
    with DAG("d", schedule=None) as dag:
        first = PythonOperator(task_id="first", python_callable=lambda: None)
        Show(task_id="t", field=[first.output])
    runtime = FakeRuntime()
    assert value_of(attempt(dag, "t", runtime)) == [None]
    assert runtime.asked == []


def test_template_files_are_read_for_each_attempt_from_folder_and_search_path(tmp_path) -> None:
    (tmp_path / "query.sql").write_text("select '{{ ds }}' {% include 'part.sql' %}")
    (tmp_path / "part.sql").write_text("limit {{ params.n }}")
    with DAG("d", schedule=None, template_searchpath=str(tmp_path), params={"n": 3}) as dag:
        Show(task_id="t", field="query.sql")
    prepared = prepare(dag)

    def once():
        return run_attempt(prepared, offer("t"), FakeRuntime(), lambda us: None, lambda: 1)

    assert value_of(once()) == "select '2024-03-05' limit 3"
    (tmp_path / "query.sql").write_text("changed")
    assert value_of(once()) == "changed"
    dag.fileloc, dag.template_searchpath = str(tmp_path / "d.py"), None
    assert value_of(attempt(dag, "t")) == "changed"


def test_a_template_file_that_is_not_there_fails_with_where_to_put_it() -> None:
    report = shown("missing.sql")
    assert report.outcome == "failed"
    assert "'missing.sql' of field 'field' was not found" in report.error
    assert "template_searchpath" in report.error


def test_native_rendering_gives_values_of_the_dag_or_of_one_operator() -> None:
    assert value_of(shown("{{ [1, 2] }}", render_template_as_native_obj=True)) == [1, 2]
    with DAG("d", schedule=None, render_template_as_native_obj=True) as dag:
        Show(task_id="t", field="{{ [1, 2] }}", render_template_as_native_obj=False)
        Show(task_id="u", field="12")
    assert value_of(attempt(dag, "t")) == "[1, 2]"
    assert value_of(attempt(dag, "u")) == 12


def test_user_macros_filters_and_jinja_settings_apply() -> None:
    field = "<< shout(ds) | twice >>"
    report = shown(
        field,
        user_defined_macros={"shout": lambda text: f"{text}!"},
        user_defined_filters={"twice": lambda text: text * 2},
        jinja_environment_kwargs={"variable_start_string": "<<", "variable_end_string": ">>"},
    )
    assert value_of(report) == "2024-03-05!2024-03-05!"


def test_undefined_names_fail_with_task_field_and_template() -> None:
    report = shown("{{ nosuch }}")
    assert report.outcome == "failed"
    for part in ("'t'", "'field'", "'nosuch' is undefined", "{{ nosuch }}"):
        assert part in report.error


def test_dates_are_undefined_without_a_logical_date_and_the_error_says_why() -> None:
    report = shown("{{ ds }}", run=run_info(None))
    assert "'ds' is undefined" in report.error
    assert "The run has no logical date" in report.error
    assert value_of(shown("{{ ds is defined }}", run=run_info(None))) == "False"


def test_another_kind_of_undefined_may_be_chosen() -> None:
    assert value_of(shown("[{{ nosuch }}]", template_undefined=jinja2.Undefined)) == "[]"


def test_broken_templates_name_the_line() -> None:
    report = shown("a\n{% if %}")
    assert "field 'field' is not valid Jinja, line 2" in report.error


@pytest.mark.parametrize("attack", ["{{ ''.__class__.__mro__ }}", "{{ ti.xcom_pull.__globals__ }}"])
def test_the_sandbox_blocks_dunder_attributes(attack: str) -> None:
    assert shown(attack).outcome == "failed"


def test_a_single_underscore_is_allowed() -> None:
    assert value_of(shown("{{ ti._offer.task_id }}")) == "t"


def test_rendered_fields_are_masked_by_value_and_name_and_cut() -> None:
    mask_secret("hunter2-hunter2")
    report = shown({"password": "x", "text": "a hunter2-hunter2 b"})
    assert rendered(report) == {"field": {"password": "***", "text": "a *** b"}}
    long = rendered(shown("x" * 5000))["field"]
    assert long.startswith("x" * 4096 + "…")
    assert len(long) < 4200
    assert rendered(shown([object]))["field"] == ["<class 'object'>"]


def test_rendering_happens_once_per_attempt_on_a_copy() -> None:
    with DAG("d", schedule=None) as dag:
        Show(task_id="t", field="{{ ds }}")
    assert value_of(attempt(dag, "t")) == "2024-03-05"
    assert dag.get_task("t").field == "{{ ds }}"
    assert value_of(attempt(dag, "t", run=run_info(DAY.replace(day=9)))) == "2024-03-09"


class Overrides(Show):
    def prepare_template(self):
        self.field = "{{ ds_nodash }}"

    def render_template_fields(self, context, jinja_env=None):
        super().render_template_fields(context, jinja_env)
        self.field += "!"


def test_operators_may_prepare_and_render_by_themselves() -> None:
    with DAG("d", schedule=None) as dag:
        Overrides(task_id="t", field="x")
    assert value_of(attempt(dag, "t")) == "20240305!"


def test_render_template_works_by_hand() -> None:
    with DAG("d", schedule=None) as dag:
        task = Show(task_id="t", field="x")
        PythonOperator(task_id="u", python_callable=lambda **context: task.render_template(["{{ ds }}"], context))
    assert value_of(attempt(dag, "u")) == ["2024-03-05"]


class Undecided:
    """As an array or a frame: neither true nor false."""

    def __bool__(self) -> bool:
        raise ValueError("the truth of this is ambiguous")


def test_a_field_may_hold_what_is_neither_true_nor_false() -> None:
    class Holds(BaseOperator):
        template_fields = ("value",)

        def __init__(self, value, **kwargs) -> None:
            super().__init__(**kwargs)
            self.value = value

        def execute(self, context):
            return type(self.value).__name__

    with DAG("d", schedule=None) as dag:
        Holds(task_id="t", value=Undecided())
    assert value_of(attempt(dag, "t")) == "Undecided"


@pytest.mark.parametrize(("command", "outcome"), [("echo {{ ds }}", "success"), ("exit 7 # {{ ds }}", "failed")])
def test_the_command_of_a_bash_function_is_among_its_rendered_fields(command: str, outcome: str) -> None:
    with DAG("d") as dag:

        @task.bash(env={"DAY": "{{ ds }}"})
        def say() -> str:
            mask_secret("hunter3-hunter3")
            return f"{command} hunter3-hunter3"

        say()
    report = attempt(dag, "say")
    assert report.outcome == outcome
    shown_fields = rendered(report)
    assert shown_fields["bash_command"] == f"{command.replace('{{ ds }}', '2024-03-05')} ***"
    assert shown_fields["env"] == {"DAY": "2024-03-05"}
