"""Users and roles, for those who may change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field, SecretStr

from tradewind.api.models import Answer, Body, Limit, Moment, Offset, OrderBy, collection, page_of
from tradewind.api.routing import Asked, Routes
from tradewind.core.access import BUILT_IN, OF_DAGS, Action, Resource
from tradewind.core.errors import NotFound
from tradewind.core.grants import plain_grants
from tradewind.security.passwords import hash_password
from tradewind.store.accounts import access_given, account_row, roles_listed
from tradewind.store.reading.accounts import accounts_listed

users = Routes("Users", prefix="/ui/users")
roles = Routes("Roles", prefix="/ui/roles")


class UserResponse(Answer):
    """`external` is who they are at the identity provider; without a password they can only come in through that."""

    username: str
    email: str
    first_name: str
    last_name: str
    roles: list[str]
    is_active: bool
    has_password: bool
    external: str | None
    login_count: int
    failed_logins: int
    last_login_at: Moment | None
    created_at: Moment
    updated_at: Moment


class UserCollectionResponse(Answer):
    users: list[UserResponse]
    total_entries: int


class UserBody(Body):
    username: str = Field(min_length=1, max_length=250)
    password: SecretStr = Field(min_length=1, max_length=1024)
    email: str = Field("", max_length=250)
    first_name: str = Field("", max_length=250)
    last_name: str = Field("", max_length=250)
    roles: list[str] = Field([], max_length=100)
    is_active: bool = True


class UserPatchBody(Body):
    email: str | None = Field(None, max_length=250)
    first_name: str | None = Field(None, max_length=250)
    last_name: str | None = Field(None, max_length=250)
    roles: list[str] | None = Field(None, max_length=100)
    is_active: bool | None = None


class NewPasswordBody(Body):
    password: SecretStr = Field(min_length=1, max_length=1024)


@users.get("", Resource.USER, response_model=UserCollectionResponse)
def list_users(
    call: Asked, limit: Limit = 100, offset: Offset = 0, order_by: OrderBy = None,
    name: Annotated[str | None, Query(max_length=250, description="Part of a name or mail address.")] = None,
) -> dict[str, Any]:  # fmt: skip
    """All users."""
    with call.reading() as connection:
        listed = accounts_listed(connection, name, page_of(500, limit, offset, order_by))
    return collection("users", [_user(row) for row in listed.rows], listed)


@users.get("/{username}", Resource.USER, response_model=UserResponse)
def get_user(call: Asked, username: str) -> dict[str, Any]:
    """One user."""
    with call.reading() as connection:
        row = account_row(connection, username)
    if row is None:
        raise NotFound(f"There is no user {username!r:.80}.")
    return _user(row)


@users.post("", Resource.USER, status_code=201, response_model=UserResponse)
def create_user(call: Asked, body: UserBody) -> dict[str, Any]:
    """Somebody new."""
    fields = body.model_dump(exclude={"password"})
    call.command("account.create", **fields, password_hash=hash_password(body.password.get_secret_value()))
    return get_user(call, body.username)


@users.patch("/{username}", Resource.USER, response_model=UserResponse)
def patch_user(call: Asked, username: str, body: UserPatchBody) -> dict[str, Any]:
    """Change what is named. Other roles, or being disabled, end what they have open."""
    call.command("account.update", username=username, **body.model_dump(exclude_none=True))
    return get_user(call, username)


@users.delete("/{username}", Resource.USER, status_code=204)
def delete_user(call: Asked, username: str) -> Response:
    """They cannot come in any more, and what they have open ends."""
    call.command("account.delete", username=username)
    return Response(status_code=204)


@users.post("/{username}/password", Resource.USER, Action.EDIT, status_code=204)
def set_user_password(call: Asked, username: str, body: NewPasswordBody) -> Response:
    """Another password; what they have open ends."""
    call.command("account.password", username=username, password_hash=hash_password(body.password.get_secret_value()))
    return Response(status_code=204)


def _user(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "has_password": row["password_hash"] is not None}


# --- roles ---------------------------------------------------------------------------------------------------------


class GrantShape(Answer):
    """Actions on resources; `dags` names some Dags by `ids`, `tags` and `folders`, and is left out for all of them."""

    actions: list[Action]
    resources: list[Resource]
    dags: dict[str, list[str]] | None = None


class RoleResponse(Answer):
    """`built_in` cannot be taken away; `grants` can be changed; `from_dags` is what files of Dags give
    (`access_control=`)."""

    name: str
    built_in: list[GrantShape]
    grants: list[GrantShape]
    from_dags: list[GrantShape]
    can_be_deleted: bool


class RoleCollectionResponse(Answer):
    """`of_dags`: the resources for which a grant may name Dags."""

    roles: list[RoleResponse]
    total_entries: int
    actions: list[Action]
    resources: list[Resource]
    of_dags: list[Resource]


class RoleBody(Body):
    name: str = Field(min_length=1, max_length=250)
    grants: list[dict[str, Any]] = Field([], max_length=500)


class GrantsBody(Body):
    grants: list[dict[str, Any]] = Field(max_length=500)


@roles.get("", Resource.ROLE, response_model=RoleCollectionResponse)
def list_roles(call: Asked) -> dict[str, Any]:
    """All roles, and what a grant can be made of."""
    with call.reading() as connection:
        given = access_given(connection)
        shown = [_role(role.name, stored, given) for role, stored in roles_listed(connection)]
    words = {"actions": list(Action), "resources": list(Resource), "of_dags": sorted(OF_DAGS)}
    return {"roles": shown, "total_entries": len(shown), **words}


@roles.get("/{name}", Resource.ROLE, response_model=RoleResponse)
def get_role(call: Asked, name: str) -> dict[str, Any]:
    """One role."""
    with call.reading() as connection:
        found = {role.name: stored for role, stored in roles_listed(connection)}
        given = access_given(connection, [name])
    if name not in found:
        raise NotFound(f"There is no role {name!r:.80}.")
    return _role(name, found[name], given)


@roles.post("", Resource.ROLE, status_code=201, response_model=RoleResponse)
def create_role(call: Asked, body: RoleBody) -> dict[str, Any]:
    """A new role."""
    call.command("role.set", name=body.name, grants=body.grants, new=True)
    return get_role(call, body.name)


@roles.put("/{name}", Resource.ROLE, response_model=RoleResponse)
def put_role(call: Asked, name: str, body: GrantsBody) -> dict[str, Any]:
    """What a role grants from now on, beside what is built in."""
    get_role(call, name)
    call.command("role.set", name=name, grants=body.grants)
    return get_role(call, name)


@roles.delete("/{name}", Resource.ROLE, status_code=204)
def delete_role(call: Asked, name: str) -> Response:
    """A role that nobody holds; one that is built in loses what was added to it."""
    call.command("role.delete", name=name)
    return Response(status_code=204)


def _role(name: str, stored: tuple[Any, ...], given: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    built_in = BUILT_IN.get(name)
    return {
        "name": name,
        "built_in": plain_grants(built_in.grants) if built_in else [],
        "grants": plain_grants(stored),
        "from_dags": plain_grants(given.get(name, ())),
        "can_be_deleted": built_in is None,
    }
