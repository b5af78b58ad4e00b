/** Kinds of connections, and what each of them is made of. What is not listed here is edited as JSON. */

/** A column of the connection, or a key of its `extra`. */
export type Place = "host" | "schema" | "login" | "password" | "port" | `extra.${string}`;

/** What a field is called: a key of this feature's messages, without `connections.field.`. */
export type FieldName =
  | "host" | "schema" | "login" | "password" | "port" | "database" | "file" | "path" | "baseUrl" | "protocol" | "sslMode" | "charset" | "accessKey" | "secretKey"
  | "region" | "role" | "endpoint" | "master" | "deployMode" | "yarnQueue" | "sparkBinary" | "namespace" | "restPort" | "restScheme" | "webPort" | "user" | "token" | "useSsl" | "number" | "webhookUrl" | "proxy"
  | "timeout" | "sender" | "noTls" | "noSsl" | "retries" | "keyFile" | "privateKey" | "passphrase" | "noHostKeyCheck";

export interface TypeField {
  place: Place;
  name: FieldName;
  kind?: "text" | "number" | "secret" | "check" | "choice" | "lines";
  options?: readonly string[];
  placeholder?: string;
  /** Whether a sentence beneath it says what it is for. */
  hint?: boolean;
}

export interface ConnectionType {
  /** As `conn_type` has it. */
  id: string;
  label: string;
  fields: readonly TypeField[];
}

const address = (port: string): TypeField[] => [
  { place: "host", name: "host" },
  { place: "port", name: "port", kind: "number", placeholder: port },
];
const account: TypeField[] = [
  { place: "login", name: "login" },
  { place: "password", name: "password", kind: "secret" },
];

export const TYPES: readonly ConnectionType[] = [
  {
    id: "postgres", label: "PostgreSQL",
    fields: [...address("5432"), ...account, { place: "schema", name: "database" }, { place: "extra.sslmode", name: "sslMode", kind: "choice", options: ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] }],
  },
  { id: "mysql", label: "MySQL", fields: [...address("3306"), ...account, { place: "schema", name: "database" }, { place: "extra.charset", name: "charset", placeholder: "utf8mb4" }] },
  { id: "sqlite", label: "SQLite", fields: [{ place: "host", name: "file", placeholder: "/data/warehouse.db" }] },
  {
    id: "http", label: "HTTP",
    fields: [{ place: "host", name: "baseUrl", placeholder: "https://api.example.com" }, { place: "port", name: "port", kind: "number" }, { place: "schema", name: "protocol", kind: "choice", options: ["https", "http"] }, ...account],
  },
  {
    id: "aws", label: "AWS, S3",
    fields: [
      { place: "login", name: "accessKey" }, { place: "password", name: "secretKey", kind: "secret" }, { place: "extra.region_name", name: "region", placeholder: "ap-northeast-2" },
      { place: "extra.role_arn", name: "role", placeholder: "arn:aws:iam::123456789012:role/etl" }, { place: "extra.endpoint_url", name: "endpoint", placeholder: "https://minio.internal:9000" },
    ],
  },
  {
    id: "spark_connect", label: "Spark Connect",
    fields: [{ place: "host", name: "host", placeholder: "sc://spark.internal" }, { place: "port", name: "port", kind: "number", placeholder: "15002" }, { place: "login", name: "user" }, { place: "password", name: "token", kind: "secret" }, { place: "extra.use_ssl", name: "useSsl", kind: "check" }],
  },
  {
    id: "spark", label: "Spark submit",
    fields: [
      { place: "host", name: "master", placeholder: "yarn, spark://host, local[*]" }, { place: "port", name: "port", kind: "number" }, { place: "extra.deploy-mode", name: "deployMode", kind: "choice", options: ["client", "cluster"] },
      { place: "extra.queue", name: "yarnQueue" }, { place: "extra.spark-binary", name: "sparkBinary", placeholder: "spark-submit" }, { place: "extra.namespace", name: "namespace" },
      { place: "extra.rest-port", name: "restPort", kind: "number", placeholder: "6066", hint: true }, { place: "extra.rest-scheme", name: "restScheme", kind: "choice", options: ["http", "https"] },
      { place: "extra.web-port", name: "webPort", kind: "number", placeholder: "8080", hint: true },
    ],
  },
  { id: "redis", label: "Redis", fields: [...address("6379"), ...account, { place: "extra.db", name: "number", kind: "number", placeholder: "0" }, { place: "extra.ssl", name: "useSsl", kind: "check" }] },
  { id: "slack", label: "Slack API", fields: [{ place: "password", name: "token", kind: "secret" }, { place: "extra.timeout", name: "timeout", kind: "number", placeholder: "30" }, { place: "extra.proxy", name: "proxy" }] },
  { id: "slackwebhook", label: "Slack webhook", fields: [{ place: "password", name: "webhookUrl", kind: "secret" }, { place: "extra.timeout", name: "timeout", kind: "number", placeholder: "30" }, { place: "extra.proxy", name: "proxy" }] },
  {
    id: "smtp", label: "SMTP",
    fields: [
      ...address("587"), ...account, { place: "extra.from_email", name: "sender", placeholder: "etl@example.com" }, { place: "extra.timeout", name: "timeout", kind: "number", placeholder: "30" },
      { place: "extra.retry_limit", name: "retries", kind: "number", placeholder: "5" }, { place: "extra.disable_tls", name: "noTls", kind: "check" }, { place: "extra.disable_ssl", name: "noSsl", kind: "check" },
    ],
  },
  {
    id: "ssh", label: "SSH",
    fields: [
      ...address("22"), ...account, { place: "extra.key_file", name: "keyFile", placeholder: "/etc/keys/id_ed25519" }, { place: "extra.private_key", name: "privateKey", kind: "lines" },
      { place: "extra.private_key_passphrase", name: "passphrase", kind: "secret" }, { place: "extra.no_host_key_check", name: "noHostKeyCheck", kind: "check" },
    ],
  },
  { id: "fs", label: "File system", fields: [{ place: "extra.path", name: "path", placeholder: "/data/incoming" }] },
];

const EVERYTHING: readonly TypeField[] = [...address(""), ...account, { place: "schema", name: "schema" }];

/** The kind of that name; what is not known has every column. */
export const typeOf = (id: string): ConnectionType => TYPES.find((type) => type.id === id) ?? { id, label: id, fields: EVERYTHING };

export const isKnown = (id: string): boolean => TYPES.some((type) => type.id === id);

/** The key of `extra` that a place names. */
export const extraKey = (place: Place): string | null => (place.startsWith("extra.") ? place.slice("extra.".length) : null);

/** Whether what stands there is written and never shown. */
export const isSecretField = (field: TypeField): boolean => field.kind === "secret" || field.kind === "lines";
