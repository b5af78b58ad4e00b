"""Assets: named pieces of data that tasks update and that Dags wait for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.plain import plain


class BaseAsset:
    """Something that a Dag can wait for; `&` and `|` combine several."""

    def __or__(self, other: BaseAsset) -> AssetAny:
        return AssetAny(self, other) if isinstance(other, BaseAsset) else NotImplemented

    def __and__(self, other: BaseAsset) -> AssetAll:
        return AssetAll(self, other) if isinstance(other, BaseAsset) else NotImplemented

    def iter_assets(self) -> Iterator[Asset]:
        """Every asset inside."""
        return iter(())

    def as_expression(self) -> dict[str, Any]:
        """The condition as plain values."""
        raise NotImplementedError


@dataclass
class AssetAccessControl:
    """Which teams may update an asset and wait for it."""

    producer_teams: list[str] = field(default_factory=list)
    consumer_teams: list[str] | None = None
    allow_global: bool = True


@dataclass
class AssetWatcher:
    """A trigger that reports updates of an asset from outside."""

    name: str
    trigger: Any


class Asset(BaseAsset, os.PathLike[str]):
    """A piece of data with a name and a uri; one given alone is both."""

    asset_type: ClassVar[str] = "asset"

    def __init__(
        self,
        name: str | None = None,
        uri: Any = None,
        *,
        group: str | None = None,
        extra: dict[str, Any] | None = None,
        watchers: list[AssetWatcher] | None = None,
        access_control: AssetAccessControl | None = None,
    ) -> None:
        if name is None and uri is None:
            raise TypeError("Asset() needs a name or a uri.")
        self.name = _checked(str(uri) if name is None else name, "name")
        self.uri = normalized_uri(_checked(self.name if uri is None else str(uri), "uri"))
        self.group = group or self.asset_type
        self.extra, self.watchers = dict(extra or {}), list(watchers or ())
        self.access_control = access_control or AssetAccessControl()

    @staticmethod
    def ref(*, name: str = "", uri: str = "") -> AssetRef:
        """A reference to an asset that is defined elsewhere, by name or by uri."""
        if bool(name) == bool(uri):
            raise TypeError("Asset.ref() takes either name= or uri=.")
        return AssetNameRef(name) if name else AssetUriRef(uri)

    @property
    def normalized_uri(self) -> str:
        return self.uri

    def iter_assets(self) -> Iterator[Asset]:
        yield self

    def as_expression(self) -> dict[str, Any]:
        said = {"extra": plain(self.extra)} if self.extra else {}
        return {"asset": {"name": self.name, "uri": self.uri, "group": self.group, **said}}

    def __fspath__(self) -> str:
        return self.uri

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Asset) and (self.name, self.uri) == (other.name, other.uri)

    def __hash__(self) -> int:
        return hash((self.name, self.uri))

    def __repr__(self) -> str:
        return f"Asset(name={self.name!r}, uri={self.uri!r})"


class Dataset(Asset):
    """An asset as Airflow 2 names it."""

    asset_type = "dataset"

    def __init__(self, uri: str | None = None, extra: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(kwargs.pop("name", None), uri, extra=extra, **kwargs)


class Model(Asset):
    """An asset that is a model."""

    asset_type = "model"


class AssetRef(BaseAsset):
    """An asset that is defined elsewhere."""

    def __init__(self, value: str) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.value == getattr(other, "value", None)

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.value))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


class AssetNameRef(AssetRef):
    """By its name."""

    @property
    def name(self) -> str:
        return self.value

    def as_expression(self) -> dict[str, Any]:
        return {"asset_ref": {"name": self.value}}


class AssetUriRef(AssetRef):
    """By its uri."""

    @property
    def uri(self) -> str:
        return self.value

    def as_expression(self) -> dict[str, Any]:
        return {"asset_ref": {"uri": self.value}}


class AssetAlias(BaseAsset):
    """A name that a task fills with assets while it runs."""

    def __init__(self, name: str, *, group: str = "asset") -> None:
        self.name, self.group = _checked(name, "name"), group

    def as_expression(self) -> dict[str, Any]:
        return {"alias": {"name": self.name, "group": self.group}}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetAlias) and self.name == other.name

    def __hash__(self) -> int:
        return hash(("alias", self.name))

    def __repr__(self) -> str:
        return f"AssetAlias({self.name!r})"


class AssetCondition(BaseAsset):
    """Several assets, joined."""

    word: ClassVar[str]

    def __init__(self, *objects: BaseAsset) -> None:
        for part in objects:
            if not isinstance(part, BaseAsset):
                raise TypeError(f"expect asset expressions in condition, not {type(part).__name__}")
        # `a | b | c` is one condition of three, whichever way it is bracketed.
        self.objects: tuple[BaseAsset, ...] = tuple(
            inner for part in objects for inner in (part.objects if type(part) is type(self) else (part,))
        )

    def iter_assets(self) -> Iterator[Asset]:
        for part in self.objects:
            yield from part.iter_assets()

    def as_expression(self) -> dict[str, Any]:
        return {self.word: [part.as_expression() for part in self.objects]}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.objects == other.objects

    def __hash__(self) -> int:
        return hash((self.word, self.objects))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.objects))})"


class AssetAny(AssetCondition):
    """Met when one of them was updated."""

    word = "any"


class AssetAll(AssetCondition):
    """Met when each of them was updated."""

    word = "all"


DatasetAlias, DatasetAny, DatasetAll = AssetAlias, AssetAny, AssetAll


@dataclass
class Metadata:
    """Yielded by a task: facts about the update of one of its outlets."""

    asset: Any
    extra: dict[str, Any] = field(default_factory=dict)
    alias: AssetAlias | None = None


def condition_of(schedule: Any) -> BaseAsset | None:
    """The assets that a `schedule=` waits for, or None when it is no asset schedule."""
    if isinstance(schedule, BaseAsset):
        return schedule
    if isinstance(schedule, (list, tuple)) and schedule and all(isinstance(part, BaseAsset) for part in schedule):
        return schedule[0] if len(schedule) == 1 else AssetAll(*schedule)
    inner = getattr(schedule, "asset_condition", None)
    return condition_of(inner) if inner is not None else None


def names_of(item: Any) -> frozenset[str]:
    """The name and uri of an asset, a reference or an alias, as far as it has them."""
    return frozenset(name for name in (getattr(item, "name", None), getattr(item, "uri", None)) if name is not None)


def normalized_uri(uri: str) -> str:
    """The uri with its scheme in lower case, its query sorted, and without user, password and fragment."""
    parts = urlsplit(uri)
    if not parts.scheme or parts.scheme.startswith("x-"):
        return uri
    if parts.scheme == "airflow":
        raise ValueError(f"Asset uri {uri!r}: the scheme 'airflow' is reserved.")
    host = parts.netloc.rpartition("@")[2]
    query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    rest = urlunsplit(("", "", parts.path, query, ""))
    slashes = f"//{host}" if parts.netloc or uri[len(parts.scheme) + 1 :].startswith("//") else ""
    return f"{parts.scheme}:{slashes}{rest.rstrip('/') if len(parts.path) > 1 and not query else rest}"


def _checked(value: str, what: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"Asset {what} must be a string, not {type(value).__name__}.")
    if not value or value.isspace():
        raise ValueError(f"Asset {what} cannot be empty.")
    if len(value) > 1500:
        raise ValueError(f"Asset {what} cannot exceed 1500 characters.")
    if not value.isascii():
        raise ValueError(f"Asset {what} must be ASCII characters only: {value!r}.")
    return value


class AssetDefinition(Asset):
    """An asset made by a function under `@asset`, which is also a Dag of one task."""

    dag: Any = None


class asset:
    """`@asset(schedule=…)`: the function's Dag, its one task and the asset that it updates, all of its name.

    A parameter named like another asset gets a reference to it, `self` the asset itself, `context` the context, and
    `outlet_events` what the context has under that name; one with a default keeps it.
    """

    def __init__(
        self,
        *,
        schedule: Any,
        uri: Any = None,
        name: str | None = None,
        group: str | None = None,
        extra: dict[str, Any] | None = None,
        watchers: list[AssetWatcher] | None = None,
        **dag_arguments: Any,
    ) -> None:
        self.schedule, self.dag_arguments = schedule, dag_arguments
        self.asset_arguments: Mapping[str, Any] = {"group": group, "extra": extra, "watchers": watchers}
        self.name, self.uri = name, uri

    def __call__(self, function: Callable[..., Any]) -> AssetDefinition:
        name = self.name or function.__name__
        made = AssetDefinition(name, self.uri, **self.asset_arguments)
        made.dag = _one_task_dag(name, function, self.schedule, self.dag_arguments, [made])
        return made

    class multi:
        """`@asset.multi(schedule=…, outlets=[…])`: one function that updates several assets."""

        def __init__(self, *, schedule: Any, outlets: list[Any], name: str | None = None, **dag_arguments: Any) -> None:
            if not outlets:
                raise ValueError("@asset.multi needs outlets=.")
            self.schedule, self.outlets, self.name, self.dag_arguments = schedule, outlets, name, dag_arguments

        def __call__(self, function: Callable[..., Any]) -> AssetAll:
            name = self.name or function.__name__
            made = AssetAll(*self.outlets)
            made.dag = _one_task_dag(  # type: ignore[attr-defined]
                name, function, self.schedule, self.dag_arguments, self.outlets
            )
            return made


def _asset_named(name: str) -> Asset | AssetRef:
    """What a parameter stands for that has the name of an asset: the asset, or where no Dag defines it a reference."""
    from tradewind.sdk.execution.runtime import NoRuntime, current_runtime

    try:
        uri = current_runtime().request("asset.named", name=name)
    except NoRuntime:  # the function is called by hand, where nobody knows the other Dags
        uri = None
    return Asset(name, uri) if uri else Asset.ref(name=name)


def _one_task_dag(
    name: str, function: Callable[..., Any], schedule: Any, arguments: Mapping[str, Any], outlets: list[Any]
) -> Any:
    import inspect

    from tradewind.sdk.callables import signature
    from tradewind.sdk.dag import DAG
    from tradewind.sdk.operators.python import PythonOperator

    settings = dict(arguments)
    dag_id = settings.pop("dag_id", None) or name
    asked = signature(function).parameters
    defaults = {each: found.default for each, found in asked.items() if found.default is not inspect.Parameter.empty}
    names = [each for each in asked if each not in ("self", "context", "outlet_events") and each not in defaults]
    inlets = [Asset.ref(name=each) for each in names]
    if "self" in signature(function).parameters and len(outlets) != 1:
        raise AirflowException(f"@asset.multi {name!r}: a function of several assets has no `self`.")

    def run(**context: Any) -> Any:
        known: dict[str, Any] = {"self": outlets[0], "context": context, **defaults}
        known |= {each: _asset_named(each) for each in names}
        if "outlet_events" in asked:
            known = {"outlet_events": context["outlet_events"], **known}
        return function(**{each: known[each] for each in asked})

    with DAG(dag_id, schedule=schedule, **{"doc_md": inspect.getdoc(function), **settings}) as dag:
        PythonOperator(task_id=name, python_callable=run, outlets=list(outlets), inlets=inlets)
    return dag
