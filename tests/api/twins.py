"""Which route of /api/v2 each route of /api/v1 speaks for: it needs the same right, and the same people may call it."""

DAG = "/dags/{dag_id}"
RUN = f"{DAG}/dagRuns/{{dag_run_id}}"
TASK = f"{RUN}/taskInstances/{{task_id}}"
USER, ROLE = "/ui/users/{username}", "/ui/roles/{name}"

SAME = (
    "GET /connections", "POST /connections", "POST /connections/test",
    *(f"{method} /connections/{{connection_id}}" for method in ("GET", "PATCH", "DELETE")),
    "GET /variables", "POST /variables",
    *(f"{method} /variables/{{variable_key:path}}" for method in ("GET", "PATCH", "DELETE")),
    "GET /pools", "POST /pools", *(f"{method} /pools/{{pool_name:path}}" for method in ("GET", "PATCH", "DELETE")),
    "GET /dags", "PATCH /dags", f"GET {DAG}", f"PATCH {DAG}", f"DELETE {DAG}", f"GET {DAG}/details",
    f"GET {DAG}/tasks", f"GET {DAG}/tasks/{{task_id}}", f"POST {DAG}/clearTaskInstances",
    "GET /dagStats", "GET /dagWarnings", "PUT /parseDagFile/{file_token}",
    f"GET {DAG}/dagRuns", f"POST {DAG}/dagRuns", f"POST {DAG}/dagRuns/list",
    f"GET {RUN}", f"PATCH {RUN}", f"DELETE {RUN}", f"POST {RUN}/clear",
    f"GET {RUN}/taskInstances", f"POST {RUN}/taskInstances/list", f"GET {TASK}", f"PATCH {TASK}",
    f"GET {TASK}/listMapped", f"GET {TASK}/dependencies", f"GET {TASK}/tries", f"GET {TASK}/tries/{{task_try_number}}",
    f"GET {TASK}/links", f"GET {TASK}/{{map_index}}", f"PATCH {TASK}/{{map_index}}",
    f"GET {TASK}/{{map_index}}/dependencies", f"GET {TASK}/{{map_index}}/tries",
    f"GET {TASK}/{{map_index}}/tries/{{task_try_number}}",
    f"GET {TASK}/xcomEntries", f"GET {TASK}/xcomEntries/{{xcom_key:path}}",
    "GET /eventLogs", "GET /eventLogs/{event_log_id}", "GET /importErrors", "GET /importErrors/{import_error_id}",
    "GET /config", "GET /config/section/{section}/option/{option}", "GET /version", "GET /plugins", "GET /providers",
)  # fmt: skip
"""Those that are called the same there."""

OTHERS = {
    "GET /health": "GET /api/v2/monitor/health",
    "GET /openapi.json": "GET /openapi.json",
    "GET /dagSources/{file_token}": "GET /api/v2/dagSources/{dag_id}",
    f"POST {DAG}/updateTaskInstancesState": f"PATCH /api/v2{TASK}",
    f"PATCH {TASK}/setNote": f"PATCH /api/v2{TASK}",
    f"PATCH {TASK}/{{map_index}}/setNote": f"PATCH /api/v2{TASK}/{{map_index}}",
    f"PATCH {RUN}/setNote": f"PATCH /api/v2{RUN}",
    f"GET {TASK}/logs/{{task_try_number}}": f"GET /api/v2{TASK}/logs/{{try_number}}",
    f"GET {RUN}/upstreamDatasetEvents": f"GET /api/v2{RUN}/upstreamAssetEvents",
    "GET /datasets": "GET /api/v2/assets",
    "GET /datasets/{uri:path}": "GET /api/v2/assets/{asset_id}",
    "GET /datasets/events": "GET /api/v2/assets/events",
    "POST /datasets/events": "POST /api/v2/assets/events",
    "GET /datasets/queuedEvent/{uri:path}": "GET /api/v2/assets/{asset_id}/queuedEvents",
    "DELETE /datasets/queuedEvent/{uri:path}": "DELETE /api/v2/assets/{asset_id}/queuedEvents",
    f"GET {DAG}/datasets/queuedEvent": f"GET /api/v2{DAG}/assets/queuedEvents",
    f"DELETE {DAG}/datasets/queuedEvent": f"DELETE /api/v2{DAG}/assets/queuedEvents",
    f"GET {DAG}/datasets/queuedEvent/{{uri:path}}": f"GET /api/v2{DAG}/assets/{{asset_id}}/queuedEvents",
    f"DELETE {DAG}/datasets/queuedEvent/{{uri:path}}": f"DELETE /api/v2{DAG}/assets/{{asset_id}}/queuedEvents",
    "GET /users": "GET /ui/users",
    "POST /users": "POST /ui/users",
    "GET /users/{username}": f"GET {USER}",
    "PATCH /users/{username}": f"PATCH {USER}",
    "DELETE /users/{username}": f"DELETE {USER}",
    "GET /roles": "GET /ui/roles",
    "POST /roles": "POST /ui/roles",
    "GET /roles/{role_name}": f"GET {ROLE}",
    "PATCH /roles/{role_name}": f"PUT {ROLE}",
    "DELETE /roles/{role_name}": f"DELETE {ROLE}",
    "GET /permissions": "GET /ui/roles",
}

TWINS = {**{name: name.replace(" ", " /api/v2", 1) for name in SAME}, **OTHERS}
