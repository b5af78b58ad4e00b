"""Where Tradewind keeps what Airflow calls by another module's name. Data only; `table.py` reads it."""

from __future__ import annotations

NAMES: dict[str, str] = {
    "tradewind.sdk.dag": "DAG dag",
    "tradewind.sdk.registry": "AirflowParsingContext DagContext get_parsing_context TaskGroupContext",
    "tradewind.sdk.operator": "BaseAsyncOperator BaseOperator BaseOperatorLink",
    "tradewind.sdk.task_group": "MappedTaskGroup TaskGroup",
    "tradewind.sdk.decorators": "setup task task_group TaskDecoratorCollection teardown",
    "tradewind.sdk.decorators.base": "DecoratedOperator get_unique_task_id task_decorator_factory",
    "tradewind.sdk.decorators.collection": "result",
    "tradewind.sdk.callables": "determine_kwargs",
    "tradewind.sdk.expand_input": "is_mappable MappedArgument",
    "tradewind.sdk.skip": "XCOM_SKIPMIXIN_FOLLOWED XCOM_SKIPMIXIN_KEY XCOM_SKIPMIXIN_SKIPPED",
    "tradewind.sdk.xcom_arg": (
        "ConcatXComArg literal LiteralValue MapXComArg PlainXComArg ResolveMixin XComArg ZipXComArg"
    ),
    "tradewind.sdk.mapped": "MappedOperator OperatorPartial",
    "tradewind.sdk.params": "DagParam Param ParamsDict process_params",
    "tradewind.sdk.edges": "chain chain_linear cross_downstream EdgeModifier Label",
    "tradewind.sdk.assets": (
        "Asset asset AssetAccessControl AssetAlias AssetAll AssetAny AssetNameRef AssetRef AssetUriRef AssetWatcher "
        "BaseAsset Metadata"
    ),
    "tradewind.sdk.exceptions": (
        "AirflowBadRequest AirflowClearRunningTaskException AirflowClusterPolicyError AirflowClusterPolicySkipDag "
        "AirflowClusterPolicyViolation AirflowConfigException AirflowDagCycleException "
        "AirflowDagDuplicatedIdException AirflowDagInconsistent AirflowException AirflowExternalTaskSensorException "
        "AirflowFailException AirflowFileParseException AirflowInactiveAssetInInletOrOutletException "
        "AirflowInternalRuntimeError AirflowNotFoundException AirflowOptionalProviderFeatureException "
        "AirflowProviderDeprecationWarning AirflowRescheduleException AirflowRuntimeError "
        "AirflowSecretsBackendAccessDenied AirflowSensorTimeout AirflowSkipException AirflowTaskTerminated "
        "AirflowTaskTimeout AirflowTimetableInvalid AirflowUnsupportedFileTypeException ConnectionNotUnique "
        "DagCodeNotFound DagNotFound DagNotPartitionedError DagRunAlreadyExists DagRunNotFound "
        "DagRunTriggerException DagRunTypeNotAllowed DeserializationError DeserializingResultError "
        "DownstreamTasksSkipped DuplicateStateError DuplicateTaskIdFound ErrorType ExternalDagDeletedError "
        "ExternalDagFailedError ExternalDagNotFoundError ExternalTaskFailedError ExternalTaskGroupFailedError "
        "ExternalTaskGroupNotFoundError ExternalTaskNotFoundError FailFastDagInvalidTriggerRule "
        "HITLRejectException HITLTimeoutError HITLTriggerEventError "
        "FailStopDagInvalidTriggerRule FileSyntaxError InvalidPartitionKeyError InvalidStatsNameException "
        "NodeNotFound NotMapped ParamValidationError PoolNotFound RemovedInAirflow3Warning RemovedInAirflow4Warning "
        "SerializationError TaskAlreadyInTaskGroup TaskAlreadyRunningError TaskAwaitingInput TaskDeferralError "
        "TaskDeferralTimeout TaskDeferred TaskInstanceNotFound TaskNotFound UnknownExecutorException "
        "UnmappableXComLengthPushed UnmappableXComTypePushed VariableNotUnique XComForMappingNotPushed XComNotFound"
    ),
    "tradewind.sdk.types": (
        "ArgNotSet DagRunState DagRunType is_arg_set NOTSET State TaskInstanceKey TaskInstanceState TRIGGER_FAIL_REPR "
        "TriggerFailureReason TriggerRule WeightRule"
    ),
    "tradewind.sdk.node": "DependencyMixin",
    "tradewind.sdk.setup_teardown": "SetupTeardownContext",
    "tradewind.sdk.execution.ti": "DagRun TaskInstance",
    "tradewind.sdk.execution.templating": "NativeEnvironment SandboxedEnvironment Templater",
    "tradewind.sdk.execution.masking": "mask_secret redact",
    "tradewind.sdk.execution.state_stores": (
        "AssetStateStoreAccessor AssetStateStoreAccessors NEVER_EXPIRE TaskStateStoreAccessor"
    ),
    "tradewind.sdk.resumable": "ResumableJobMixin",
    "tradewind.sdk.configuration": "conf",
    "tradewind.sdk.timezone": "coerce_datetime convert_to_utc is_localized is_naive make_aware make_naive utcnow",
    "tradewind.sdk.notifier": "BaseNotifier",
    "tradewind.sdk.retry_policy": (
        "ChainRetryPolicy ExceptionRetryPolicy RetryAction RetryDecision RetryPolicy RetryRule"
    ),
    "tradewind.sdk.weights": "PriorityWeightStrategy",
    "tradewind.sdk.operators.python": (
        "BranchExternalPythonOperator BranchPythonOperator BranchPythonVirtualenvOperator ExternalPythonOperator "
        "PythonOperator PythonVirtualenvOperator ShortCircuitOperator"
    ),
    "tradewind.sdk.operators.bash": "BashOperator",
    "tradewind.sdk.operators.empty": "EmptyOperator",
    "tradewind.sdk.operators.branch": "BaseBranchOperator BranchMixIn SkipMixin",
    "tradewind.sdk.operators.hitl": "ApprovalOperator HITLBranchOperator HITLEntryOperator HITLOperator",
    "tradewind.sdk.execution.asking": (
        "get_hitl_detail_content_detail HITLUser update_hitl_detail_response upsert_hitl_detail"
    ),
    "tradewind.sdk.operators.latest_only": "LatestOnlyOperator",
    "tradewind.sdk.operators.trigger_dagrun": "TriggerDagRunOperator",
    "tradewind.sdk.operators.datetime": "BranchDateTimeOperator",
    "tradewind.sdk.operators.smooth": "SmoothOperator",
    "tradewind.sdk.operators.weekday": "BranchDayOfWeekOperator",
    "tradewind.sdk.sensors.base": "BaseSensorOperator poke_mode_only PokeReturnValue",
    "tradewind.sdk.sensors.bash": "BashSensor",
    "tradewind.sdk.sensors.date_time": "DateTimeSensor DateTimeSensorAsync",
    "tradewind.sdk.sensors.external_task": (
        "ExternalDagLink ExternalTaskMarker ExternalTaskSensor ExternalTaskSensorLink"
    ),
    "tradewind.sdk.sensors.filesystem": "FileSensor",
    "tradewind.sdk.sensors.python": "PythonSensor",
    "tradewind.sdk.sensors.time": "TimeSensor TimeSensorAsync",
    "tradewind.sdk.sensors.time_delta": "TimeDeltaSensor TimeDeltaSensorAsync WaitSensor",
    "tradewind.sdk.sensors.weekday": "DayOfWeekSensor",
    "tradewind.sdk.triggers.base": (
        "BaseEventTrigger BaseTaskEndEvent BaseTrigger StartTriggerArgs TaskFailedEvent TaskSkippedEvent "
        "TaskSuccessEvent TriggerEvent"
    ),
    "tradewind.sdk.triggers.external_task": "DagStateTrigger WorkflowTrigger",
    "tradewind.sdk.triggers.file": "DirectoryFileDeleteTrigger FileDeleteTrigger FileTrigger",
    "tradewind.sdk.triggers.hitl": "HITLTrigger HITLTriggerEventFailurePayload HITLTriggerEventSuccessPayload",
    "tradewind.sdk.triggers.temporal": "DateTimeTrigger TimeDeltaTrigger",
    "tradewind.sdk.triggers.testing": "FailureTrigger SuccessTrigger",
    "tradewind.sdk.hooks.filesystem": "FSHook",
    "tradewind.sdk.decorators.sensor": "DecoratedSensorOperator",
    "tradewind.sdk.deadline": (
        "AsyncCallback AverageRuntimeDeadline BaseDeadlineReference Callback DagRunLogicalDateDeadline "
        "DagRunQueuedAtDeadline deadline_reference DeadlineAlert DeadlineReference FixedDatetimeDeadline "
        "ReferenceModels REFERENCE_TYPE_FIELD SyncCallback VariableInterval"
    ),
    "tradewind.sdk.mail": "build_mime_message send_email send_email_smtp send_mime_email",
    "tradewind.sdk.subprocess_hook": "SubprocessHook SubprocessResult",
    "tradewind.sdk.variable": "Variable",
    "tradewind.sdk.connection": "Connection",
    "tradewind.sdk.context": (
        "ConnectionAccessor Context context_merge get_current_context set_current_context VariableAccessor"
    ),
    "tradewind.sdk.hooks.base": "BaseHook",
    "tradewind.sdk.partitions": (
        "AllowedKeyMapper ChainMapper DayWindow FanOutMapper FixedKeyMapper HourWindow IdentityMapper MinimumCount "
        "MonthWindow PartitionMapper ProductMapper QuarterWindow RollupMapper SegmentWindow StartOfDayMapper "
        "StartOfHourMapper StartOfMonthMapper StartOfQuarterMapper StartOfWeekMapper StartOfYearMapper WaitForAll "
        "WaitPolicy WeekWindow Window YearWindow"
    ),
    "tradewind.sdk.timetables": (
        "AssetOrTimeSchedule AssetTriggeredTimetable ContinuousTimetable CronDataIntervalTimetable "
        "CronPartitionTimetable CronTriggerTimetable DagRunInfo DataInterval DeltaDataIntervalTimetable "
        "DeltaTriggerTimetable EventsTimetable MultipleCronTriggerTimetable NullTimetable OnceTimetable "
        "PartitionedAssetTimetable PartitionedAtRuntime TimeRestriction Timetable"
    ),
    "tradewind.sdk.compat_helpers": (
        "add_deprecated_classes ANSI_ESCAPE apply_defaults as_flattened_list as_tuple at_most_one "
        "CAMELCASE_TO_SNAKE_CASE_REGEX chunks convert_camel_to_snake exactly_one get_email_address_list "
        "get_random_string GROUP_KEY_REGEX import_string is_container is_valid_dotpath iter_namespace KEY_REGEX "
        "LoggingMixin md5 merge_dicts parse_template_string partition prune_dict qualname reduce_in_chunks "
        "remove_escape_codes to_boolean validate_group_key validate_key WeekDay XCOM_RETURN_KEY"
    ),
    "tradewind.sdk.compat_processes": "execute_in_subprocess getuser is_venv_installed patch_environ timeout",
    "tradewind.sdk.compat_times": (
        "cron_presets date_range datetime_to_nano days_ago local_timezone parse_execution_date td_format utc_epoch"
    ),
    "tradewind.sdk.compat_settings": (
        "AIRFLOW_HOME AIRFLOW_V_3_0_PLUS AIRFLOW_V_3_1_3_PLUS AIRFLOW_V_3_1_PLUS AIRFLOW_V_3_2_PLUS "
        "AIRFLOW_V_3_3_PLUS AirflowPlugin DAGS_FOLDER get_airflow_home get_base_airflow_version_tuple hookimpl "
        "PLUGINS_FOLDER TIMEZONE"
    ),
    "tradewind.sdk.compat_kerberos": "get_kerberos_principal get_kerberos_principle renew_from_kt",
    "tradewind.sdk.compat_providers": (
        "DialectInfo get_hook_lineage_collector HookInfo inject_parent_job_information_into_spark_properties "
        "inject_transport_information_into_spark_properties NoOpCollector ProvidersManager require_openlineage_version"
    ),
}
"""Tradewind module -> the names it holds, under the name that Airflow gives them in any of its modules."""

RENAMED: dict[str, str] = {
    "BaseTimetable": "tradewind.sdk.timetables:Timetable",
    "Dataset": "tradewind.sdk.assets:Dataset",
    "DatasetAlias": "tradewind.sdk.assets:AssetAlias",
    "DatasetAll": "tradewind.sdk.assets:AssetAll",
    "DatasetAny": "tradewind.sdk.assets:AssetAny",
    "DatasetOrTimeSchedule": "tradewind.sdk.timetables:AssetOrTimeSchedule",
    "DatasetTriggeredTimetable": "tradewind.sdk.timetables:AssetTriggeredTimetable",
    "DummyOperator": "tradewind.sdk.operators.empty:EmptyOperator",
    "TaskDecorator": "collections.abc:Callable",
    "is_async_callable": "inspect:iscoroutinefunction",
    "RuntimeTaskInstance": "tradewind.sdk.execution.ti:TaskInstance",
    "ProvidersManagerTaskRuntime": "tradewind.sdk.compat_providers:ProvidersManager",
    "macros": "airflow.sdk.execution_time.macros:",
    "settings": "airflow.settings:",
    "setup_task": "tradewind.sdk.decorators:setup",
    "teardown_task": "tradewind.sdk.decorators:teardown",
    "timezone": "airflow.sdk.timezone:",
    "yaml": "airflow.sdk.yaml:",
}
"""Airflow's name -> where Tradewind keeps it under another name."""


def _from(module: str, names: str) -> dict[str, str]:
    return {name: f"{module}:{name}" for name in names.split()}


_TIMEZONE = _from("tradewind.sdk.timezone", "datetime from_timestamp parse parse_timezone utc")
_YAML = _from("yaml", "dump safe_load load SafeLoader FullLoader YAMLError safe_dump")
_MACROS = {
    **_from("datetime", "datetime timedelta"),
    **_from("uuid", "uuid4"),
    **{module: f"{module}:" for module in ("dateutil", "json", "random", "time", "uuid", "yaml")},
    **_from("tradewind.sdk.macros", "ds_add ds_format ds_format_locale datetime_diff_for_humans"),
}
_VERSION = "tradewind.sdk.compat_settings:AIRFLOW_VERSION"

IN_MODULE: dict[str, dict[str, str]] = {
    "airflow": {"__version__": _VERSION},
    "airflow.version": {"version": _VERSION},
    "airflow.sdk": {"__version__": "tradewind.sdk.compat_settings:TASK_SDK_VERSION"},
    "airflow.sdk.timezone": _TIMEZONE,
    "airflow.utils.timezone": _TIMEZONE,
    "airflow.macros": _MACROS,
    "airflow.sdk.execution_time.macros": _MACROS,
    "airflow.utils.yaml": _YAML,
    "airflow.sdk.yaml": _YAML,
    "airflow.compat.functools": _from("functools", "cache cached_property"),
    "airflow.typing_compat": _from(
        "typing", "Literal ParamSpec Protocol Self TypeAlias TypedDict TypeGuard runtime_checkable"
    ),
    "airflow.configuration": {
        name: f"tradewind.sdk.configuration:conf.{name}"
        for name in ("get", "getboolean", "getfloat", "getint", "getsection", "has_option")
    },
}
"""Airflow module -> its own meaning of names that mean something else elsewhere, or that come from the library."""

_SQL_HOOKS = _from("tradewind.sdk.hooks.sql", "DbApiHook fetch_all_handler fetch_one_handler")

STAND_IN: dict[str, dict[str, str]] = {
    "airflow.providers.apache.spark.hooks.spark_sql": _from("tradewind.sdk.hooks.spark_sql", "SparkSqlHook"),
    "airflow.providers.apache.spark.hooks.spark_submit": _from("tradewind.sdk.hooks.spark_submit", "SparkSubmitHook"),
    "airflow.providers.apache.spark.operators.spark_sql": _from(
        "tradewind.sdk.operators.spark_sql", "SparkSqlOperator"
    ),
    "airflow.providers.apache.spark.operators.spark_submit": _from(
        "tradewind.sdk.operators.spark_submit", "SparkSubmitOperator"
    ),
    "airflow.providers.common.sql.hooks.handlers": _SQL_HOOKS,
    "airflow.providers.common.sql.hooks.sql": _SQL_HOOKS,
    "airflow.providers.common.sql.sensors.sql": _from("tradewind.sdk.sensors.sql", "SqlSensor"),
    "airflow.providers.http.hooks.http": _from("tradewind.sdk.hooks.http", "HttpHook"),
    "airflow.providers.http.operators.http": {
        **_from("tradewind.sdk.operators.http", "HttpOperator"),
        "SimpleHttpOperator": "tradewind.sdk.operators.http:HttpOperator",
    },
    "airflow.providers.http.sensors.http": _from("tradewind.sdk.sensors.http", "HttpSensor"),
    "airflow.providers.http.triggers.http": _from("tradewind.sdk.triggers.http", "HttpSensorTrigger HttpTrigger"),
    "airflow.providers.postgres.hooks.postgres": _from("tradewind.sdk.hooks.postgres", "PostgresHook"),
    "airflow.providers.smtp.hooks.smtp": _from("tradewind.sdk.hooks.smtp", "SmtpHook"),
    "airflow.providers.smtp.notifications.smtp": _from(
        "tradewind.sdk.smtp_notifier", "SmtpNotifier send_smtp_notification"
    ),
    "airflow.providers.smtp.operators.smtp": _from("tradewind.sdk.operators.email", "EmailOperator"),
    "airflow.providers.sqlite.hooks.sqlite": _from("tradewind.sdk.hooks.sqlite", "SqliteHook"),
}
"""Modules of providers that are ours only while the provider is not installed."""

MODERN: dict[tuple[str, str], str] = {
    ("airflow.utils.dates", "days_ago"): "a fixed start_date such as `datetime(2026, 1, 1)`",
}
"""The modern form of an old spelling where it is more than another import."""
