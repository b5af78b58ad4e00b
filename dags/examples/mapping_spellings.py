"""Every way to write a mapped task: literals, every pair, pairs side by side, dicts, changed and joined lists."""

from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag, task


@dag(schedule=None, start_date=datetime(2026, 1, 1), tags=["example"])
def mapping_spellings():
    @task
    def numbers() -> list[int]:
        return [1, 2, 3]

    @task
    def letters() -> list[str]:
        return ["a", "b", "c"]

    @task
    def none_at_all() -> list[int]:
        return []

    @task
    def show(number: int, letter: str = "-") -> str:
        return f"{number}{letter}"

    @task
    def count(items) -> int:
        return len(items)

    found, words = numbers(), letters()

    # Each of a list that stands here.
    literal = show.override(task_id="literal").expand(number=[10, 20])
    # Each with each: nine instances, two of them at a time.
    each_with_each = show.override(task_id="each_with_each", max_active_tis_per_dagrun=2).expand(
        number=found, letter=words
    )
    # The first with the first, the second with the second.
    side_by_side = show.override(task_id="side_by_side").expand_kwargs(
        found.zip(words).map(lambda pair: {"number": pair[0], "letter": pair[1]})
    )
    # One dict of arguments for each instance.
    by_dict = show.override(task_id="by_dict").expand_kwargs([{"number": 7}, {"number": 8, "letter": "z"}])
    # What a list becomes on the way; nothing runs for it.
    tenfold = show.override(task_id="tenfold").partial(letter="!").expand(number=found.map(lambda n: 10 * n))
    # One list after the other.
    one_after_another = show.override(task_id="one_after_another").expand(number=found.concat(none_at_all()))
    # Of nothing there are no instances: the task is skipped.
    of_nothing = show.override(task_id="of_nothing").expand(number=none_at_all.override(task_id="nothing")())
    # What mapped tasks leave can be mapped again, and an operator as well as a function. Each has a name of its own.
    say = BashOperator.partial(task_id="say", map_index_template="{{ task.bash_command }}").expand(
        bash_command=side_by_side.map(lambda text: f"echo {text}")
    )

    # What many instances left is one sequence, whose values are read when they are looked at.
    done = count.override(trigger_rule="none_failed")(each_with_each)
    [literal, by_dict, tenfold, one_after_another, of_nothing, say] >> done


mapping_spellings()
