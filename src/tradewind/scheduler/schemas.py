"""JSON schemas of params as the scheduler checks values against them: in bounded time, whatever patterns they have.

A pattern that takes more than linear time, or a text too long for it, is not looked at here: the process of the task
that gets the value checks it again, by all of its schema.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tradewind.core.linear_patterns import NotLinear, found_in


def problem_with(value: Any, schema: Mapping[str, Any]) -> str:
    """What is wrong with a value, or with its schema; empty when nothing is."""
    # Only where a schema is to be checked: the library takes memory that most installations never need.
    import jsonschema
    from referencing import Registry

    bounded = jsonschema.validators.extend(jsonschema.Draft7Validator, _keywords(jsonschema.ValidationError))
    # An empty registry: a schema that refers to another address must not make the scheduler fetch it.
    checker = bounded(schema, format_checker=jsonschema.FormatChecker(), registry=Registry())
    try:
        error = next(checker.iter_errors(value), None)
    except Exception as unusable:  # a schema may be anything
        return f"its JSON schema cannot be used ({type(unusable).__name__}: {unusable})"
    return "" if error is None else str(error.message)


def _keywords(problem: Callable[[str], Any]) -> dict[str, Callable[..., Iterator[Any]]]:
    """The keywords that have patterns."""

    def pattern(checker: Any, wanted: str, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        if isinstance(value, str) and not _may_match(wanted, value):
            yield problem(f"{value!r} does not match {wanted!r}")

    def pattern_properties(checker: Any, wanted: Mapping[str, Any], value: Any, schema: Any) -> Iterator[Any]:
        for one, subschema in wanted.items() if isinstance(value, dict) else ():
            for name in value:
                if _does_match(one, name):
                    yield from checker.descend(value[name], subschema, path=name, schema_path=one)

    def additional_properties(checker: Any, wanted: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        further = list(_further(value, schema)) if isinstance(value, dict) else []
        if isinstance(wanted, dict):
            for name in further:
                yield from checker.descend(value[name], wanted, path=name)
        elif not wanted and further:
            yield problem(f"{', '.join(map(repr, further))} is more than the schema has properties for")

    return {
        "pattern": pattern,
        "patternProperties": pattern_properties,
        "additionalProperties": additional_properties,
    }


def _further(value: Iterable[str], schema: Mapping[str, Any]) -> Iterator[str]:
    known, patterns = schema.get("properties", {}), tuple(schema.get("patternProperties", {}))
    return (name for name in value if name not in known and not any(_may_match(one, name) for one in patterns))


def _may_match(pattern: str, text: str) -> bool:
    try:
        return found_in(pattern, text)
    except NotLinear:
        return True


def _does_match(pattern: str, text: str) -> bool:
    try:
        return found_in(pattern, text)
    except NotLinear:
        return False
