"""Users, roles and permissions in Airflow 2's words: an action and a resource, as its access control has them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Response
from pydantic import Field, SecretStr

from tradewind.api.errors import Conflict
from tradewind.api.listing import part_of
from tradewind.api.login import accounts
from tradewind.api.models import Answer, Body, Limit, Moment, Offset, page_of
from tradewind.api.routing import Asked, Routes
from tradewind.api.v1.models import Mask, Order, order_of
from tradewind.core.access import BUILT_IN, Resource
from tradewind.core.errors import InvalidInput
from tradewind.core.grants import ACTIONS, grants_of, merged, permission, permission_names, plain_grants, without

of_users = Routes("User", prefix="/users")
of_roles = Routes("Role", prefix="/roles")
of_permissions = Routes("Permission", prefix="/permissions")
families = (of_users, of_roles, of_permissions)

Text = Annotated[str, Field(max_length=250)]


# --- users -----------------------------------------------------------------------------------------------------------


class RoleName(Answer):
    name: str


class UserCollectionItem(Answer):
    """A user. What is not known of one is left out."""

    first_name: str
    last_name: str
    username: str
    email: str | None = None
    active: bool
    last_login: Moment | None = None
    login_count: int
    failed_login_count: int
    roles: list[RoleName]
    created_on: Moment
    changed_on: Moment


class UserCollection(Answer):
    users: list[UserCollectionItem]
    total_entries: int


class NamedRole(Body):
    name: Annotated[str, Field(min_length=1, max_length=250)]


class User(Body):
    username: Annotated[str, Field(min_length=1, max_length=250)] | None = None
    password: SecretStr | None = Field(None, min_length=1, max_length=1024)
    email: Text | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    roles: Annotated[list[NamedRole], Field(max_length=100)] | None = None


_USER_ORDER = {
    "id": "username", "user_id": "username", "created_on": "created_at", "last_login": "last_login_at",
}  # fmt: skip


def _user(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row, "email": row["email"] or None, "active": row["is_active"], "last_login": row["last_login_at"],
        "failed_login_count": row["failed_logins"], "roles": [{"name": name} for name in row["roles"]],
        "created_on": row["created_at"], "changed_on": row["updated_at"],
    }  # fmt: skip


@of_users.get("", Resource.USER, response_model=UserCollection, response_model_exclude_none=True)
def get_users(call: Asked, limit: Limit = 100, offset: Offset = 0, order_by: Order = None) -> dict[str, Any]:
    """All users."""
    found = accounts.list_users(call, limit, offset, order_of(order_by, _USER_ORDER))
    return {"users": [_user(row) for row in found["users"]], "total_entries": found["total_entries"]}


@of_users.get("/{username}", Resource.USER, response_model=UserCollectionItem, response_model_exclude_none=True)
def get_user(call: Asked, username: str) -> dict[str, Any]:
    """One user."""
    return _user(accounts.get_user(call, username))


@of_users.post("", Resource.USER, response_model=UserCollectionItem, response_model_exclude_none=True)
def post_user(call: Asked, body: User) -> dict[str, Any]:
    """Somebody new."""
    if body.username is None or body.password is None:
        raise InvalidInput("username and password must be given.")
    fields = {name: getattr(body, name) or "" for name in ("email", "first_name", "last_name")}
    given = accounts.UserBody(
        username=body.username, password=body.password, roles=[role.name for role in body.roles or ()], **fields
    )  # fmt: skip
    return _user(accounts.create_user(call, given))


@of_users.patch("/{username}", Resource.USER, response_model=UserCollectionItem, response_model_exclude_none=True)
def patch_user(call: Asked, username: str, body: User, update_mask: Mask = None) -> dict[str, Any]:
    """Change what is named. Another password, other roles or being disabled end what they have open."""
    if body.username not in (None, username):
        raise InvalidInput("username in the body is not that of the path; it cannot be changed.")
    if unknown := sorted(set(update_mask or ()) - User.model_fields.keys()):
        raise InvalidInput(f"update_mask names {unknown[0][:60]!r}; choose {', '.join(sorted(User.model_fields))}.")
    named = body.model_fields_set if update_mask is None else body.model_fields_set & set(update_mask)
    accounts.get_user(call, username)
    fields = {name: getattr(body, name) for name in ("email", "first_name", "last_name") if name in named}
    if "roles" in named:
        fields["roles"] = [role.name for role in body.roles or ()]
    if fields:
        accounts.patch_user(call, username, accounts.UserPatchBody(**fields))
    if "password" in named and body.password is not None:
        accounts.set_user_password(call, username, accounts.NewPasswordBody(password=body.password))
    return get_user(call, username)


@of_users.delete("/{username}", Resource.USER, status_code=204)
def delete_user(call: Asked, username: str) -> Response:
    """They cannot come in any more."""
    accounts.get_user(call, username)
    return accounts.delete_user(call, username)


# --- roles -----------------------------------------------------------------------------------------------------------


class ActionShape(Answer):
    name: str


class ResourceShape(Answer):
    name: str


class ActionResource(Answer):
    action: ActionShape
    resource: ResourceShape


class Role(Answer):
    """What a role may do. A right on some Dags names them: `DAG:etl`, `TAG:daily`, `FOLDER:reports`."""

    name: str
    actions: list[ActionResource]


class RoleCollection(Answer):
    roles: list[Role]
    total_entries: int


class Named(Body):
    name: Annotated[str, Field(min_length=1, max_length=250)]


class ActionResourceBody(Body):
    action: Named
    resource: Named


class RoleBody(Body):
    name: Annotated[str, Field(min_length=1, max_length=250)] | None = None
    actions: Annotated[list[ActionResourceBody], Field(max_length=500)] | None = None


def _role(row: dict[str, Any]) -> dict[str, Any]:
    grants = merged((*grants_of(row["built_in"]), *grants_of(row["grants"])))
    pairs = dict.fromkeys(pair for grant in grants for pair in permission_names(grant))
    return {
        "name": row["name"],
        "actions": [{"action": {"name": action}, "resource": {"name": resource}} for action, resource in pairs],
    }


def _granted(body: RoleBody, name: str) -> list[dict[str, Any]]:
    """What the permissions in a body grant beyond what is built in."""
    pairs = [(each.action.name, each.resource.name) for each in body.actions or ()]
    found = [grant for pair in pairs if (grant := permission(*pair)) is not None]
    built_in = BUILT_IN[name].grants if name in BUILT_IN else ()
    return plain_grants(without(found, built_in))


@of_roles.get("", Resource.ROLE, response_model=RoleCollection)
def get_roles(call: Asked, limit: Limit = 100, offset: Offset = 0, order_by: Order = None) -> dict[str, Any]:
    """All roles."""
    rows = accounts.list_roles(call)["roles"]
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_of(order_by, {"id": "name"}))
    found = part_of(rows, page, {"name": lambda row: row["name"]}, "name")
    return {"roles": [_role(row) for row in found], "total_entries": len(rows)}


@of_roles.get("/{role_name}", Resource.ROLE, response_model=Role)
def get_role(call: Asked, role_name: str) -> dict[str, Any]:
    """One role."""
    return _role(accounts.get_role(call, role_name))


@of_roles.post("", Resource.ROLE, response_model=Role)
def post_role(call: Asked, body: RoleBody) -> dict[str, Any]:
    """A new role."""
    if body.name is None:
        raise InvalidInput("name must be given.")
    return _role(accounts.create_role(call, accounts.RoleBody(name=body.name, grants=_granted(body, body.name))))


@of_roles.patch("/{role_name}", Resource.ROLE, response_model=Role)
def patch_role(call: Asked, role_name: str, body: RoleBody, update_mask: Mask = None) -> dict[str, Any]:
    """What a role grants from now on."""
    if body.name not in (None, role_name):
        raise InvalidInput("name in the body is not that of the path; make another role and delete this one.")
    if unknown := sorted(set(update_mask or ()) - RoleBody.model_fields.keys()):
        raise InvalidInput(f"update_mask names {unknown[0][:60]!r}; choose actions or name.")
    row = accounts.get_role(call, role_name)
    if body.actions is None or (update_mask is not None and "actions" not in update_mask):
        return _role(row)
    _check_can_be_said(row)
    given = accounts.GrantsBody(grants=_granted(body, role_name))
    return _role(accounts.put_role(call, role_name, given))


def _check_can_be_said(row: dict[str, Any]) -> None:
    """Raise Conflict for what a role grants and these words cannot say: changing it through them would lose it."""
    grants = merged(grants_of(row["grants"]))
    said = [permission(*pair) for grant in grants for pair in permission_names(grant)]
    if set(merged(grant for grant in said if grant is not None)) != set(grants):
        raise Conflict(
            f"Role {row['name']!r} has rights on some Dags that permissions of Airflow 2 cannot say; change it by "
            "PUT /ui/roles/{name}."
        )


@of_roles.delete("/{role_name}", Resource.ROLE, status_code=204)
def delete_role(call: Asked, role_name: str) -> Response:
    """A role that nobody holds."""
    accounts.get_role(call, role_name)
    return accounts.delete_role(call, role_name)


# --- permissions -----------------------------------------------------------------------------------------------------


class ActionCollection(Answer):
    actions: list[ActionShape]
    total_entries: int


@of_permissions.get("", Resource.ROLE, response_model=ActionCollection)
def get_permissions(call: Asked, limit: Limit = 100, offset: Offset = 0) -> dict[str, Any]:
    """The actions that a permission can name."""
    page = page_of(call.settings.api.maximum_page_limit, limit, offset)
    names = sorted(ACTIONS)
    shown = names[page.offset : page.offset + page.limit]
    return {"actions": [{"name": name} for name in shown], "total_entries": len(names)}
