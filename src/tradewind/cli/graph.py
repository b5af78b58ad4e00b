"""A Dag's graph as text: a tree of tasks, or DOT for Graphviz. Works on the stored DagSpec's plain values."""

from collections.abc import Iterator, Mapping
from typing import Any

from tradewind.cli.app import printable

Spec = Mapping[str, Any]


def tree_lines(spec: Spec) -> Iterator[str]:
    """Each task below one of its upstream tasks; a task with several is drawn once and referred to after that."""
    down = downstream(spec)
    drawn: set[str] = set()
    yield printable(f"{spec['dag_id']} ({spec['timetable'].get('summary') or 'None'})")
    roots = [task_id for task_id, task in spec["tasks"].items() if not task.get("upstream")]
    # A stack instead of recursion: a chain of thousands of tasks is an ordinary Dag.
    stack = [(root, "", index == len(roots) - 1) for index, root in enumerate(roots)][::-1]
    while stack:
        task_id, indent, last = stack.pop()
        again = task_id in drawn and bool(down[task_id])
        branch, note = "└── " if last else "├── ", " (see above)" if again else ""
        yield f"{indent}{branch}{_title(spec['tasks'][task_id], task_id)}{note}"
        if again:
            continue
        drawn.add(task_id)
        children, deeper = down[task_id], indent + ("    " if last else "│   ")
        stack.extend(
            (child, deeper, index == len(children) - 1) for index, child in reversed(list(enumerate(children)))
        )


def dot_lines(spec: Spec) -> Iterator[str]:
    """The graph in DOT, task groups as clusters."""
    labels = {(up, down): label for up, down, label in spec.get("edge_labels", ())}
    yield f"digraph {_quoted(spec['dag_id'])} {{"
    yield "  rankdir=LR; node [shape=box, style=rounded];"
    groups = [group for group in spec.get("groups", ()) if group.get("group_id")]
    for group in groups:
        if not group.get("parent"):
            yield from _cluster(spec, groups, group, "  ")
    for task_id, task in spec["tasks"].items():
        if not task.get("group_id"):
            yield f"  {_node(task_id, task)}"
    for task_id, task in spec["tasks"].items():
        for up in task.get("upstream", ()):
            label = labels.get((up, task_id))
            yield f"  {_quoted(up)} -> {_quoted(task_id)}{f' [label={_quoted(label)}]' if label else ''};"
    yield "}"


def downstream(spec: Spec) -> dict[str, list[str]]:
    """Direct downstream task ids of every task."""
    down: dict[str, list[str]] = {task_id: [] for task_id in spec["tasks"]}
    for task_id, task in spec["tasks"].items():
        for up in task.get("upstream", ()):
            down[up].append(task_id)
    return down


def _cluster(spec: Spec, groups: list[Spec], group: Spec, indent: str) -> Iterator[str]:
    yield f"{indent}subgraph {_quoted('cluster_' + group['group_id'])} {{"
    yield f"{indent}  label={_quoted(group.get('label') or group['group_id'])};"
    for inner in groups:
        if inner.get("parent") == group["group_id"]:
            yield from _cluster(spec, groups, inner, indent + "  ")
    for task_id, task in spec["tasks"].items():
        if task.get("group_id") == group["group_id"]:
            yield f"{indent}  {_node(task_id, task)}"
    yield f"{indent}}}"


def _node(task_id: str, task: Spec) -> str:
    return f"{_quoted(task_id)} [label={_quoted(_title(task, task_id))}];"


def _title(task: Spec, task_id: str) -> str:
    rule = task.get("trigger_rule", "all_success")
    marks = ["mapped"] if task.get("map") else []
    marks += [name for name in ("setup", "teardown") if task.get(f"is_{name}")]
    marks += [rule] if rule != "all_success" else []
    # A decorated task's class is ours alone; its decorator is what its author wrote.
    operator = task.get("extra", {}).get("operator_name") or task.get("operator", "")
    return printable(f"{task_id} [{operator}]{''.join(f' ({mark})' for mark in marks)}")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
