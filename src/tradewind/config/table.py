"""Every setting that Tradewind reads: section, key, type, default, and the Airflow spellings that mean the same.

The dataclasses are the table: what is not a field here has no effect. A default may hold `{home}`. `airflow` names
older spellings as `section.key`; the field's own name always counts, with `TRADEWIND__` and with `AIRFLOW__`.
No section has a repr: a traceback that shows one must not show its secrets.
"""

# ruff: noqa: RUF009 - setting() is dataclasses.field() with our metadata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def setting(
    default: Any, *airflow: str, sensitive: bool = False, effect: bool = True, most: int | None = None, help: str = ""
) -> Any:
    """One row of the table. `effect=False`: accepted for Airflow's sake, and nothing reads it yet. `most`: 0 to it."""
    metadata = {"airflow": airflow, "sensitive": sensitive, "effect": effect, "most": most, "help": help}
    return field(default=default, metadata=metadata, kw_only=True)


@dataclass(frozen=True, repr=False, eq=False)
class Core:
    dags_folder: Path = setting("{home}/dags", help="Folder of the Dag files.")
    plugins_folder: Path = setting("{home}/plugins", help="Folder of plugins.")
    executor: str = setting("LocalExecutor", effect=False, help="Where tasks run; Airflow's names are accepted.")
    parallelism: int = setting(32, help="Most tasks running at once in this installation.")
    max_active_tasks_per_dag: int = setting(16, "core.dag_concurrency", help="Most tasks running at once in one Dag.")
    max_active_runs_per_dag: int = setting(16, help="Most running runs of one Dag.")
    max_consecutive_failed_dag_runs_per_dag: int = setting(0, help="Pause a Dag after so many failures; 0: never.")
    dags_are_paused_at_creation: bool = setting(True, help="Whether a new Dag waits to be unpaused.")
    load_examples: bool = setting(False, effect=False, help="Whether the bundled example Dags are listed.")
    default_timezone: str = setting("utc", help="What a date without a time zone means.")
    fernet_key: str | None = setting(
        None, sensitive=True, help="Key for secrets at rest, or several separated by commas; unset: the key file."
    )
    default_task_retries: int = setting(0, help="Retries of a task that does not say.")
    default_task_retry_delay: float = setting(300.0, help="Seconds before a retry, for a task that does not say.")
    max_task_retry_delay: float = setting(86400.0, help="Longest delay that a growing back-off reaches, in seconds.")
    default_task_execution_timeout: float | None = setting(None, help="Seconds a task may run, if it does not say.")
    default_task_weight_rule: str = setting(
        "downstream", help="How priority weights add up: downstream, upstream, absolute."
    )
    default_pool_task_slot_count: int = setting(
        128, "core.non_pooled_task_slot_count", help="Slots of the default pool."
    )
    max_map_length: int = setting(1024, help="Most task instances that one mapped task may become.")
    xcom_objectstorage_threshold: int = setting(
        65536, help="Largest XCom in bytes that the database holds; a larger one is kept in a file. -1: all stay."
    )
    dagbag_import_timeout: float = setting(30.0, help="Seconds that importing one Dag file may take.")
    killed_task_cleanup_time: float = setting(60.0, help="Airflow's name for worker.kill_grace_seconds, when set.")
    dag_discovery_safe_mode: bool = setting(True, help="Skip files that mention neither `dag` nor `airflow`.")
    dag_ignore_file_syntax: str = setting("glob", help="How .airflowignore is read: glob or regexp.")
    dag_run_conf_overrides_params: bool = setting(True, help="Whether a run's conf replaces the Dag's params.")
    hide_sensitive_var_conn_fields: bool = setting(True, help="Mask values whose name looks like a secret.")
    sensitive_var_conn_names: str = setting("", help="Further names of secrets, separated by commas.")
    test_connection: str = setting(
        "Disabled", help="Enabled: who may make connections may have the API's machine connect to them, as a test."
    )
    simple_auth_manager_users: str = setting(
        "admin:admin", help="Who is made at the first start, as NAME:ROLE separated by commas."
    )
    simple_auth_manager_passwords_file: str | None = setting(
        None, help="JSON file with the passwords of those, by name; who is not in it gets one that is shown once."
    )
    simple_auth_manager_all_admins: bool = setting(False, help="As api.authenticate = False: open, without a login.")


@dataclass(frozen=True, repr=False, eq=False)
class Database:
    sql_alchemy_conn: str = setting(
        "sqlite:///{home}/tradewind.db", "core.sql_alchemy_conn", sensitive=True, help="URL of the metadata database."
    )
    sql_alchemy_pool_size: int = setting(
        5, "core.sql_alchemy_pool_size", effect=False, help="Connections kept to PostgreSQL."
    )
    check_migrations: bool = setting(
        True, effect=False, help="Whether services bring the schema up to date when they start."
    )


@dataclass(frozen=True, repr=False, eq=False)
class Api:
    host: str = setting("127.0.0.1", "webserver.web_server_host", help="Address to listen on.")
    port: int = setting(8080, "webserver.web_server_port", most=65535, help="Port to listen on; 0: any free one.")
    base_url: str | None = setting(
        None, "webserver.base_url", help="The address that people use; its path is where the server stands."
    )
    secret_key: str | None = setting(
        None, "webserver.secret_key", sensitive=True, effect=False, help="Signs sessions and tokens."
    )
    default_ui_timezone: str = setting("UTC", "webserver.default_ui_timezone", help="Time zone of the web UI.")
    authenticate: bool = setting(
        True, "webserver.authenticate", help="False: without a login, to all who can connect from this machine."
    )
    allow_open_network: bool = setting(False, help="Without a login, listen on other addresses than loopback too.")
    auth_role_public: str = setting(
        "", "fab.auth_role_public", help="Role of those who have not logged in, beside Public."
    )
    auth_backends: str = setting(
        "",
        "fab.auth_backends",
        "api.auth_backend",
        "webserver.auth_backend",
        effect=False,
        help="Airflow's login modules.",
    )
    enable_proxy_fix: bool = setting(
        False,
        "fab.enable_proxy_fix",
        "webserver.enable_proxy_fix",
        help="Believe X-Forwarded-* of a proxy in front.",
    )
    trusted_proxies: str = setting(
        "127.0.0.0/8, ::1, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7",
        help="Addresses from which X-Forwarded-* is believed, with enable_proxy_fix.",
    )
    proxy_fix_x_for: int = setting(
        1, "fab.proxy_fix_x_for", "webserver.proxy_fix_x_for", help="How many proxies add to X-Forwarded-For."
    )
    proxy_fix_x_proto: int = setting(
        1, "fab.proxy_fix_x_proto", "webserver.proxy_fix_x_proto", help="The same for X-Forwarded-Proto."
    )
    proxy_fix_x_host: int = setting(
        1, "fab.proxy_fix_x_host", "webserver.proxy_fix_x_host", help="The same for X-Forwarded-Host."
    )
    proxy_fix_x_port: int = setting(
        1, "fab.proxy_fix_x_port", "webserver.proxy_fix_x_port", help="The same for X-Forwarded-Port."
    )
    proxy_fix_x_prefix: int = setting(
        1, "fab.proxy_fix_x_prefix", "webserver.proxy_fix_x_prefix", help="The same for X-Forwarded-Prefix."
    )
    expose_config: str = setting(
        "False",
        "webserver.expose_config",
        help="Whether the API shows the configuration: False, True or non-sensitive-only. Secrets are never shown.",
    )
    instance_name: str | None = setting(None, "webserver.instance_name", help="Name shown in the web UI.")
    ssl_cert: str = setting("", "webserver.web_server_ssl_cert", help="Certificate file for HTTPS.")
    ssl_key: str = setting("", "webserver.web_server_ssl_key", help="Key file for HTTPS.")
    maximum_page_limit: int = setting(100, help="Most rows in one answer.")
    fallback_page_limit: int = setting(
        50, "api.page_size", "webserver.page_size", effect=False, help="Rows in one answer, if unsaid."
    )


@dataclass(frozen=True, repr=False, eq=False)
class ApiAuth:
    jwt_secret: str | None = setting(
        None,
        sensitive=True,
        help="What tokens are signed with, or several separated by commas: the first signs. Unset: the key file.",
    )
    jwt_issuer: str | None = setting(None, help="Who gives tokens, as they say; unset: tradewind.")
    jwt_audience: str | None = setting(None, help="Whom tokens are for, as they say; unset: tradewind.")
    jwt_expiration_time: int = setting(86400, most=31622400, help="Seconds that a login or a token lasts.")
    jwt_cli_expiration_time: int = setting(
        3600, most=31622400, help="Seconds that a token of POST /auth/token/cli lasts."
    )
    jwt_leeway: int = setting(10, most=300, help="Seconds that clocks may differ.")


@dataclass(frozen=True, repr=False, eq=False)
class Oidc:
    issuer: str | None = setting(
        None, help="The identity provider's address, as its tokens say it; unset: people log in here alone."
    )
    client_id: str = setting("", "keycloak_auth_manager.client_id", help="What this server is called at the provider.")
    client_secret: str | None = setting(
        None,
        "keycloak_auth_manager.client_secret",
        sensitive=True,
        help="The secret of that client; unset: it has none.",
    )
    name: str = setting("single sign-on", help="What the login page calls the provider.")
    scope: str = setting("openid profile email", help="What is asked of the provider, separated by spaces.")
    username_claim: str = setting("preferred_username", help="Which claim a new user is named by.")
    roles_claim: str = setting("groups", help="Which claim says who somebody is; dots lead into an object.")
    roles_mapping: str = setting("", help="What its values mean, as VALUE:ROLE separated by commas.")
    default_role: str = setting("", help="Role of those to whom none of these applies; empty: they are not let in.")
    allow_http: bool = setting(False, help="Speak to the provider without TLS, on other addresses than loopback too.")


@dataclass(frozen=True, repr=False, eq=False)
class Scheduler:
    catchup_by_default: bool = setting(False, help="Whether missed runs are made up for, if a Dag does not say.")
    create_cron_data_intervals: bool = setting(False, help="Whether cron runs cover an interval, as in Airflow 2.")
    create_delta_data_intervals: bool = setting(
        False, help="The same for schedules that are a time span; create_cron_data_intervals covers them too."
    )
    partition_mapper_max_downstream_keys: int = setting(
        1000, help="For how many partitions one asset event may be, where its mapper does not say."
    )
    max_dagruns_to_create_per_loop: int = setting(10, effect=False, help="Most runs created in one step.")
    ignore_first_depends_on_past_by_default: bool = setting(True, help="Whether a first run may lack a predecessor.")
    use_job_schedule: bool = setting(True, effect=False, help="False: no run is created by the clock.")
    allowed_run_id_pattern: str = setting(
        r"^[A-Za-z0-9_.~:+-]+$", effect=False, help="What a run id that a person gives may be."
    )


@dataclass(frozen=True, repr=False, eq=False)
class Worker:
    slots: int = setting(0, help="Attempts at once on this machine; 0: as core.parallelism says.")
    host_memory_fraction: float = setting(0.25, help="Part of the machine's memory that warm code hosts may hold.")
    memory_reserve_fraction: float = setting(
        0.1, help="Part of the machine's memory that attempts leave free: one that needs more waits for others to end."
    )
    kill_grace_seconds: float = setting(
        5.0, "core.killed_task_cleanup_time", help="Seconds between SIGTERM and SIGKILL of a stopped task."
    )


@dataclass(frozen=True, repr=False, eq=False)
class DagProcessor:
    refresh_interval: float = setting(
        30.0, "scheduler.dag_dir_list_interval", help="Seconds between full looks at the Dags folder."
    )
    min_file_process_interval: float = setting(
        30.0,
        "scheduler.min_file_process_interval",
        help="Seconds after which a file that cannot be watched is read again.",
    )
    dag_file_processor_timeout: float = setting(
        50.0, "core.dag_file_processor_timeout", effect=False, help="Seconds that parsing one file may take in all."
    )
    parsing_processes: int = setting(2, "scheduler.parsing_processes", help="Files parsed at the same time.")


@dataclass(frozen=True, repr=False, eq=False)
class Logging:
    base_log_folder: Path = setting("{home}/logs", "core.base_log_folder", help="Folder of the task logs.")
    logging_level: str = setting("INFO", "core.logging_level", help="Least level that is kept.")
    min_length_masked_secret: int = setting(5, help="Shorter secrets are not masked.")


@dataclass(frozen=True, repr=False, eq=False)
class Metrics:
    needs_login: bool = setting(
        False, help="Whether /metrics, which names Dags and pools, asks for a login on this machine too."
    )
    statsd_on: bool = setting(False, "scheduler.statsd_on", help="Whether metrics are sent to StatsD, over UDP.")
    statsd_host: str = setting("localhost", "scheduler.statsd_host", help="Host of the StatsD daemon.")
    statsd_port: int = setting(8125, "scheduler.statsd_port", most=65535, help="Port of the StatsD daemon.")
    statsd_prefix: str = setting("airflow", "scheduler.statsd_prefix", help="First part of each metric's name.")
    metrics_allow_list: str = setting(
        "", "scheduler.statsd_allow_list", "metrics.statsd_allow_list",
        help="Patterns, separated by commas, of the names that are sent to StatsD; empty: all.",
    )  # fmt: skip
    metrics_block_list: str = setting(
        "", "scheduler.statsd_block_list", "metrics.statsd_block_list",
        help="Patterns, separated by commas, of names that are not sent; not looked at where there is an allow list.",
    )  # fmt: skip
    legacy_names_on: bool = setting(
        True, help="Whether names that contain Dag, task or pool are sent beside those that do not."
    )


@dataclass(frozen=True, repr=False, eq=False)
class Alerts:
    rules_file: Path = setting("{home}/alerts.yml", help="File with alert rules and channels; it need not exist.")


@dataclass(frozen=True, repr=False, eq=False)
class Operators:
    default_owner: str = setting("airflow", help="Owner of a task that does not say.")
    default_queue: str = setting("default", "celery.default_queue", help="Queue of a task that does not say.")
    default_deferrable: bool = setting(False, help="Whether operators that can defer do so.")


@dataclass(frozen=True, repr=False, eq=False)
class Email:
    default_email_on_failure: bool = setting(True, help="Whether a task with `email` sends a mail when it has failed.")
    default_email_on_retry: bool = setting(True, help="Whether it sends one before each retry.")
    email_backend: str = setting("airflow.utils.email.send_email_smtp", help="Function that sends the mails of tasks.")
    email_conn_id: str = setting("smtp_default", help="Connection of the mail server, or with its login.")
    from_email: str | None = setting(None, help="Sender; unset: the connection's, else smtp.smtp_mail_from.")
    subject_template: str | None = setting(None, help="File with the template of the subject.")
    html_content_template: str | None = setting(None, help="File with the template of the text.")
    ssl_context: str = setting("default", help="`none`: the mail server's certificate is not checked.")


@dataclass(frozen=True, repr=False, eq=False)
class Smtp:
    smtp_host: str = setting("localhost", help="Mail server, where the connection names none.")
    smtp_port: int = setting(25, help="Its port.")
    smtp_starttls: bool = setting(True, help="Whether the session is encrypted after its greeting.")
    smtp_ssl: bool = setting(False, help="Whether it is encrypted from the beginning.")
    smtp_user: str | None = setting(None, help="Login, where the connection has none.")
    smtp_password: str | None = setting(None, sensitive=True, help="Its password.")
    smtp_mail_from: str = setting("airflow@example.com", help="Sender of the mails.")
    smtp_timeout: float = setting(30.0, help="Seconds to wait for the mail server.")
    smtp_retry_limit: int = setting(5, help="How often a connection is tried that the server closes at once.")


@dataclass(frozen=True, repr=False, eq=False)
class Sensors:
    default_timeout: float = setting(604800.0, help="Seconds that a sensor waits, if it does not say.")


@dataclass(frozen=True, repr=False, eq=False)
class StateStore:
    default_retention_days: int = setting(
        30, help="Days for which the task state store keeps a value that does not say; 0: as long as its run."
    )
    clear_on_success: bool = setting(False, help="Whether a task that has succeeded forgets what it kept.")
    max_value_storage_bytes: int = setting(
        65535, help="A larger value is stored, and its task's log says how large it is; 0: without a word."
    )


@dataclass(frozen=True, repr=False, eq=False)
class Celery:
    broker_url: str = setting("redis://redis:6379/0", sensitive=True, effect=False, help="Where Celery's queue is.")
    result_backend: str | None = setting(
        None, sensitive=True, effect=False, help="Accepted for Celery; results need no backend here."
    )
    worker_concurrency: int = setting(16, effect=False, help="Attempts at once on a Celery worker.")


SECTIONS: dict[str, type] = {
    "core": Core,
    "database": Database,
    "api": Api,
    "api_auth": ApiAuth,
    "oidc": Oidc,
    "scheduler": Scheduler,
    "worker": Worker,
    "dag_processor": DagProcessor,
    "logging": Logging,
    "metrics": Metrics,
    "alerts": Alerts,
    "operators": Operators,
    "email": Email,
    "smtp": Smtp,
    "sensors": Sensors,
    "state_store": StateStore,
    "celery": Celery,
}

OWN = frozenset(
    {
        "core.xcom_objectstorage_threshold",
        "worker.slots",
        "worker.host_memory_fraction",
        "worker.memory_reserve_fraction",
        "worker.kill_grace_seconds",
        "api.authenticate",
        "api.allow_open_network",
        "api.auth_role_public",
        "api.trusted_proxies",
        "api.proxy_fix_x_for",
        "api.proxy_fix_x_proto",
        "api.proxy_fix_x_host",
        "api.proxy_fix_x_port",
        "api.proxy_fix_x_prefix",
        "oidc.issuer",
        "oidc.client_id",
        "oidc.client_secret",
        "oidc.name",
        "oidc.scope",
        "oidc.username_claim",
        "oidc.roles_claim",
        "oidc.roles_mapping",
        "oidc.default_role",
        "oidc.allow_http",
        "alerts.rules_file",
        "metrics.needs_login",
    }
)
"""Fields that Airflow never had under this name."""

RENAMED: dict[str, str] = {
    "api.access_logfile": "api.log_config",
    "core.max_num_rendered_ti_fields_per_task": "core.num_dag_runs_to_retain_rendered_fields",
    "scheduler.parsing_pre_import_modules": "dag_processor.parsing_pre_import_modules",
    "scheduler.running_metrics_interval": "scheduler.ti_metrics_interval",
    "triggerer.default_capacity": "triggerer.capacity",
    "webserver.access_denied_message": "fab.access_denied_message",
    "webserver.access_logfile": "api.log_config",
    "webserver.auto_refresh_interval": "api.auto_refresh_interval",
    "webserver.default_wrap": "api.default_wrap",
    "webserver.enable_swagger_ui": "api.enable_swagger_ui",
    "webserver.expose_hostname": "fab.expose_hostname",
    "webserver.grid_view_sorting_order": "api.grid_view_sorting_order",
    "webserver.hide_paused_dags_by_default": "api.hide_paused_dags_by_default",
    "webserver.log_fetch_timeout_sec": "api.log_fetch_timeout_sec",
    "webserver.navbar_color": "fab.navbar_color",
    "webserver.navbar_hover_color": "fab.navbar_hover_color",
    "webserver.navbar_text_color": "fab.navbar_text_color",
    "webserver.navbar_text_hover_color": "fab.navbar_text_hover_color",
    "webserver.require_confirmation_dag_change": "api.require_confirmation_dag_change",
    "webserver.web_server_worker_timeout": "api.worker_timeout",
    "webserver.workers": "api.workers",
    "workers.execution_api_server_url": "core.execution_api_server_url",
    "workers.missing_dag_retires": "workers.missing_dag_retries",
}
"""Keys that Airflow moved and that have no effect in Tradewind under either name."""

ALSO_SENSITIVE = frozenset(
    {
        "celery.flower_basic_auth", "celery_broker_transport_options.sentinel_kwargs",
        "celery_result_backend_transport_options.sentinel_kwargs", "core.asset_manager_kwargs",
        "core.internal_api_secret_key", "database.sql_alchemy_conn_async", "database.sql_alchemy_engine_args",
        "logging.remote_task_handler_kwargs", "secrets.backend_kwargs", "sentry.sentry_dsn",
        "workers.secrets_backend_kwargs",
    }
)  # fmt: skip
"""Keys outside the table whose values are never shown unasked."""
