// The page: draws what document.js computes, and sends what people try out. All text goes in as text, never as markup.

import {
  address, curl, example, fieldsOf, headersGiven, isMeant, missing, operationsByTag, resolved, spans, typeText,
} from "./document.js"

const DOCUMENTS = [
  ["v2", "openapi.json", "Airflow 3: /api/v2"],
  ["v1", "api/v1/openapi.json", "Airflow 2: /api/v1"],
]
const byId = (id) => document.getElementById(id)
const [, documentUrl] = DOCUMENTS.find(([name]) => name === new URLSearchParams(location.search).get("of")) ?? DOCUMENTS[0]

let api = null
let me = null

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value)
    else if (value === true) made.setAttribute(key, "")
    else if (value !== false && value !== undefined) made.setAttribute(key, value)
  }
  made.append(...children.filter((child) => child !== null && child !== undefined))
  return made
}

const prose = (text) => spans(text).map(([part, isCode]) => (isCode ? element("code", {}, part) : part))
const paragraphs = (text) => text.trim().split(/\n\s*\n/).map((part) => element("p", {}, ...prose(part)))

async function start() {
  byId("documents").append(
    ...DOCUMENTS.map(([name, url, label]) =>
      element("a", { href: `?of=${name}`, "aria-current": url === documentUrl ? "page" : undefined }, label)),
    element("a", { href: documentUrl, download: true }, "openapi.json"),
  )
  const [said, mine] = await Promise.all([fetch(documentUrl), fetch("auth/me")])
  me = mine.ok ? await mine.json() : null
  byId("who").textContent = me ? `Logged in as ${me.name}` : ""
  if (!said.ok) return refuse(said)
  api = await said.json()
  document.title = api.info.title
  byId("title").textContent = api.info.title
  byId("version").textContent = api.info.version
  const tags = operationsByTag(api)
  byId("operations").replaceChildren(
    ...paragraphs(api.info.description ?? ""), element("p", { id: "state", role: "status" }), ...tags.map(section),
  )
  byId("tags").append(...tags.map(([tag, operations]) =>
    element("a", { href: `#${anchor(tag)}` }, tag, " ", element("small", {}, String(operations.length)))))
  byId("find").addEventListener("input", () => find(tags, byId("find").value.trim()))
  addEventListener("hashchange", open)
  open()
}

async function refuse(answer) {
  const next = encodeURIComponent(location.pathname + location.search + location.hash)
  byId("operations").replaceChildren(
    answer.status === 401
      ? element("p", { id: "state", role: "status" }, "The document is for people who are logged in. ",
          element("a", { href: `api/v2/auth/login?next=${next}` }, "Log in"), " and come back.")
      : element("p", { id: "state", role: "status" }, `The document could not be read (${answer.status}); load the page again.`),
  )
}

const anchor = (tag) => `tag-${tag.replaceAll(" ", "-")}`

function section([tag, operations]) {
  return element("section", { id: anchor(tag), "aria-label": tag }, element("h2", {}, tag), ...operations.map(row))
}

function row(operation) {
  const made = element("details", { id: operation.id, class: "operation" },
    element("summary", {},
      element("b", { class: `method ${operation.method}` }, operation.method),
      element("code", {}, operation.path),
      element("span", { class: "about" }, operation.id)))
  // Drawn when it is opened: there are more than a hundred.
  made.addEventListener("toggle", () => {
    if (!made.open) return
    if (made.childElementCount === 1) made.append(contents(operation))
    history.replaceState(null, "", `#${operation.id}`)
  })
  return made
}

function open() {
  const found = location.hash && byId(decodeURIComponent(location.hash.slice(1)))
  if (!found) return
  if (found.matches("details")) found.open = true
  found.scrollIntoView()
}

function find(tags, typed) {
  let count = 0
  for (const [tag, operations] of tags) {
    let here = 0
    for (const operation of operations) {
      const meant = isMeant(operation, typed)
      byId(operation.id).hidden = !meant
      here += meant ? 1 : 0
    }
    byId(anchor(tag)).hidden = here === 0
    count += here
  }
  byId("state").textContent = typed ? `${count} operations of “${typed}”.` : ""
}

// --- one operation -------------------------------------------------------------------------------------------------

function contents(operation) {
  const needs = operation["x-needs"]
  const form = element("form", { class: "try", onsubmit: (event) => event.preventDefault() })
  const inputs = operation.parameters.map((parameter) => [parameter, inputFor(parameter)])
  const body = operation.body && element("textarea", { rows: 8, spellcheck: "false", "aria-label": "Body, as JSON" })
  if (body) body.value = JSON.stringify(example(api, operation.body), null, 2)
  const answer = element("div", { class: "answer", "aria-live": "polite" })
  const request = () => {
    const values = Object.fromEntries(inputs.map(([{ name, in: place }, input]) => [`${place} ${name}`, input.value]))
    return {
      method: operation.method, url: address(api.servers?.[0]?.url ?? "/", operation, values),
      headers: headersGiven(operation, values), body: body ? body.value : undefined, missing: missing(operation, values),
    }
  }
  form.append(
    ...(inputs.length ? [parametersTable(inputs)] : []),
    ...(body ? [element("h3", {}, "Body"), body, schemaTree(operation.body)] : []),
    element("p", { class: "buttons" }, sendButton(operation, request, answer), copyButton(request)),
    answer,
  )
  return element("div", { class: "contents" },
    ...paragraphs(operation.description ?? ""),
    element("p", { class: "needs" }, needs ? `Needs the right to ${needs.action} ${needs.resource.replaceAll("_", " ")}.` : "Needs no login."),
    form, element("h3", {}, "Answers"), ...Object.entries(operation.responses).map(answerRow))
}

function inputFor({ name, required, schema = {}, description }) {
  const options = optionsOf(schema)
  const about = { "aria-label": name, required, title: description }
  if (options) {
    return element("select", about, element("option", { value: "" }, ""),
      ...options.map((value) => element("option", { value: String(value) }, String(value))))
  }
  const shown = schema.default !== undefined && schema.default !== null ? String(schema.default) : ""
  return element("input", { ...about, placeholder: shown, autocomplete: "off" })
}

function optionsOf(schema) {
  const found = resolved(api, schema)
  if (found.anyOf) return found.anyOf.map(optionsOf).find((options) => options) ?? null
  return found.enum ?? (found.type === "boolean" ? [true, false] : null)
}

function parametersTable(inputs) {
  const rows = inputs.map(([{ name, in: place, required, schema, description }, input]) =>
    element("tr", {},
      element("th", { scope: "row" }, element("code", {}, name), required ? element("b", { title: "must be given" }, " *") : null),
      element("td", {}, input),
      element("td", {}, element("small", {}, place === "query" ? "" : `${place}, `, typeText(api, schema ?? {}),
        schema?.type === "array" ? "; several with , between" : ""),
      ...(description ? [element("br"), ...prose(description)] : []))))
  return element("table", {}, element("caption", {}, "Parameters"), element("tbody", {}, ...rows))
}

function sendButton(operation, request, answer) {
  let isAsked = false
  const button = element("button", { type: "button" }, "Send")
  button.addEventListener("click", async () => {
    const wanted = request()
    if (wanted.missing.length) return answer.replaceChildren(`Give ${wanted.missing.join(", ")} first.`)
    if (operation.method === "DELETE" && !isAsked) {
      isAsked = true
      button.textContent = "Really delete? Press again"
      return
    }
    isAsked = false
    button.textContent = "Send"
    button.disabled = true
    try {
      answer.replaceChildren(...(await sent(wanted)))
    } catch (error) {
      answer.replaceChildren(`No answer came: ${error.message}.`)
    } finally {
      button.disabled = false
    }
  })
  return button
}

async function sent({ method, url, headers, body }) {
  const all = { ...headers }
  if (method !== "GET") all["content-type"] = "application/json"
  if (method !== "GET" && me?.csrf_token) all["x-csrf-token"] = me.csrf_token
  const began = performance.now()
  const answer = await fetch(url, { method, headers: all, body })
  const text = await answer.text()
  const took = Math.round(performance.now() - began)
  return [
    element("p", {}, element("b", { class: answer.ok ? "good" : "bad" }, `${answer.status} ${answer.statusText}`), ` in ${took} ms`),
    text ? element("pre", { tabindex: "0" }, pretty(text)) : element("p", {}, "Nothing else is said."),
  ]
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

function copyButton(request) {
  const button = element("button", { type: "button" }, "Copy as curl")
  const shown = element("pre", { hidden: true, tabindex: "0" })
  button.addEventListener("click", async () => {
    shown.textContent = curl(location.origin, request(), me?.name)
    shown.hidden = false
    try {
      await navigator.clipboard.writeText(shown.textContent)
      button.textContent = "Copied"
    } catch {
      getSelection().selectAllChildren(shown) // no clipboard without TLS: it can be copied by hand
    }
  })
  return element("span", {}, button, shown)
}

// --- shapes --------------------------------------------------------------------------------------------------------

function answerRow([status, answer]) {
  const found = resolved(api, answer)
  const kinds = Object.entries(found.content ?? {})
  return element("details", { class: "status" },
    element("summary", {}, element("b", { class: status < "400" ? "good" : "bad" }, status), " ", ...prose(found.description ?? "")),
    ...(kinds.length ? kinds.map(([kind, { schema }]) => element("div", {}, element("code", {}, kind), schemaTree(schema ?? {})))
      : [element("p", {}, "No body.")]))
}

function schemaTree(schema) {
  const fields = fieldsOf(api, schema)
  const about = resolved(api, schema).description
  return element("div", { class: "schema" }, element("p", {}, typeText(api, schema)), ...(about ? paragraphs(about) : []),
    fields.length ? element("ul", {}, ...fields.map(fieldRow)) : null)
}

function fieldRow([name, schema, required]) {
  const label = [element("code", {}, name), required ? element("b", { title: "always there" }, " *") : null, " ",
    element("small", {}, typeText(api, schema))]
  if (!fieldsOf(api, schema).length) return element("li", {}, ...label)
  const made = element("details", {}, element("summary", {}, ...label))
  made.addEventListener("toggle", () => {
    if (made.open && made.childElementCount === 1) made.append(schemaTree(schema))
  })
  return element("li", {}, made)
}

start().catch((error) => {
  byId("operations").replaceChildren(element("p", { id: "state", role: "status" }, `The page could not be drawn: ${error.message}`))
})
