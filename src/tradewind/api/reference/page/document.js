// What an OpenAPI document says, as plain values: nothing here touches the page.

const METHODS = ["get", "post", "put", "patch", "delete"]

/** What a `$ref` of the document stands for; anything else as it is. */
export function resolved(document, node) {
  for (let steps = 0; node && node.$ref && steps < 20; steps++) {
    node = node.$ref.slice(2).split("/").reduce((found, key) => found?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], document)
  }
  return node ?? {}
}

/** The operations by tag, in the document's order: `[[tag, [operation, …]], …]`. */
export function operationsByTag(document) {
  const tags = new Map()
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of METHODS.filter((method) => methods[method])) {
      const operation = methods[method]
      const tag = operation.tags?.[0] ?? "Other"
      if (!tags.has(tag)) tags.set(tag, [])
      tags.get(tag).push({
        ...operation,
        id: operation.operationId ?? `${method}${path}`,
        method: method.toUpperCase(),
        path,
        parameters: (operation.parameters ?? []).map((parameter) => resolved(document, parameter)),
        body: resolved(document, operation.requestBody).content?.["application/json"]?.schema ?? null,
      })
    }
  }
  return [...tags].sort(([one], [other]) => one.localeCompare(other))
}

/** Whether an operation is meant by what somebody types: each word occurs in its method, path, id, tag or text. */
export function isMeant(operation, typed) {
  const text = [operation.method, operation.path, operation.id, ...(operation.tags ?? []), operation.description ?? ""]
  const all = text.join(" ").toLowerCase()
  return typed.toLowerCase().split(/\s+/).every((word) => all.includes(word))
}

/** A schema without the wrappings that say only that it may be null: `[schema, mayBeNull]`. */
export function bare(document, schema) {
  const found = resolved(document, schema)
  const others = found.anyOf?.filter((each) => each.type !== "null")
  if (others && others.length < found.anyOf.length && others.length === 1) {
    return [{ ...resolved(document, others[0]), ...without(found, ["anyOf"]) }, true]
  }
  return [found, false]
}

const without = (object, names) => Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)))

/** A schema in a few words: `array of string`, `integer ≥ 0 or null`. */
export function typeText(document, schema) {
  const [found, mayBeNull] = bare(document, schema)
  return foundText(document, found) + (mayBeNull ? " or null" : "")
}

function foundText(document, found) {
  if (found.const !== undefined) return JSON.stringify(found.const)
  if (found.enum) return found.enum.map((value) => JSON.stringify(value)).join(" | ")
  const several = found.anyOf ?? found.oneOf
  if (several) return several.map((each) => typeText(document, each)).join(" or ")
  if (found.type === "array") return `array of ${found.items ? typeText(document, found.items) : "anything"}`
  if (found.properties) return found.title ?? "object"
  if (found.type === "object") return "object"
  if (!found.type) return "anything"
  const bounds = [
    ["≥", found.minimum], ["≤", found.maximum], ["length ≥", found.minLength], ["length ≤", found.maxLength],
  ].filter(([, bound]) => bound !== undefined).map(([sign, bound]) => ` ${sign} ${bound}`)
  return (found.format ? `${found.type} (${found.format})` : String(found.type)) + bounds.join(",")
}

/** The fields of an object, or of the objects of an array: `[[name, schema, isRequired], …]`; none for anything else. */
export function fieldsOf(document, schema) {
  let [found] = bare(document, schema)
  if (found.type === "array" && found.items) [found] = bare(document, found.items)
  const required = new Set(found.required ?? [])
  return Object.entries(found.properties ?? {}).map(([name, field]) => [name, field, required.has(name)])
}

/** A value that a schema allows, to start writing from. An object has what it must have, or else all of its fields. */
export function example(document, schema, depth = 0) {
  const [found, mayBeNull] = bare(document, schema)
  if (found.default !== undefined) return found.default
  if (found.const !== undefined) return found.const
  if (found.enum) return found.enum[0]
  if (mayBeNull && depth) return null
  const several = found.anyOf ?? found.oneOf
  if (several) return example(document, several[0], depth)
  switch (found.type) {
    case "array":
      return depth < 4 && found.items ? [example(document, found.items, depth + 1)] : []
    case "object": {
      const fields = fieldsOf(document, found)
      const shown = fields.some(([, , required]) => required) ? fields.filter(([, , required]) => required) : fields
      return depth < 5 ? Object.fromEntries(shown.map(([name, field]) => [name, example(document, field, depth + 1)])) : {}
    }
    case "integer":
    case "number":
      return found.minimum ?? 0
    case "boolean":
      return false
    case "string":
      return found.format === "date-time" ? "2026-01-01T00:00:00Z" : ""
    default:
      return null
  }
}

/** Where a request goes: the path with its values put in, and a query of what was given. */
export function address(server, operation, values) {
  let path = operation.path
  const query = new URLSearchParams()
  for (const { name, in: place, schema } of operation.parameters) {
    const given = values[`${place} ${name}`] ?? ""
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(given))
    if (place === "query" && given !== "") {
      for (const part of schema?.type === "array" ? given.split(",") : [given]) query.append(name, part.trim())
    }
  }
  const text = query.toString()
  return server.replace(/\/$/, "") + path + (text ? `?${text}` : "")
}

/** The headers of a request that somebody gave. */
export function headersGiven(operation, values) {
  const found = {}
  for (const { name, in: place } of operation.parameters) {
    if (place === "header" && values[`header ${name}`]) found[name] = values[`header ${name}`]
  }
  return found
}

/** The parameters that must have a value and have none. */
export function missing(operation, values) {
  return operation.parameters
    .filter(({ name, in: place, required }) => required && !values[`${place} ${name}`])
    .map(({ name }) => name)
}

/** The request as a command for a shell. */
export function curl(origin, request, who) {
  const words = ["curl", "-sS"]
  if (request.method !== "GET") words.push("-X", request.method)
  if (who) words.push("--user", quoted(who))
  for (const [name, value] of Object.entries(request.headers)) words.push("-H", quoted(`${name}: ${value}`))
  if (request.body !== undefined) words.push("-H", quoted("content-type: application/json"), "-d", quoted(request.body))
  return [...words, quoted(origin + request.url)].join(" ")
}

const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)

/** A text in which `code` stands between backticks: `[[text, isCode], …]`. */
export const spans = (text) => text.split("`").map((part, index) => [part, index % 2 === 1]).filter(([part]) => part)
