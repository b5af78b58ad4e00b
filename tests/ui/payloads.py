"""What people may write into any field and no page may obey: S11 and S12 of the security matrix."""

MARK = "tw-canary"
"""Stands in every payload, so that a test sees that it was shown."""

_ACT = "alert('tw-canary')"

PAYLOADS: tuple[str, ...] = (
    f"<script>{_ACT}</script>",
    "<SCRIPT SRC=//tw-canary.example/x.js></SCRIPT>",
    f"<img src=x onerror={_ACT}>",
    f'<img src="x" onerror="{_ACT}" alt="a">',
    "<img src=//tw-canary.example/x.png>",
    f"<svg onload={_ACT}>",
    f"<svg><script>{_ACT}</script></svg>",
    f"<svg><animate onbegin={_ACT} attributeName=x dur=1s>",
    f"<body onload={_ACT}>",
    f'<iframe src="javascript:{_ACT}"></iframe>',
    f'<iframe srcdoc="<script>{_ACT}</script>"></iframe>',
    f'<object data="javascript:{_ACT}"></object>',
    f'<embed src="javascript:{_ACT}">',
    f'<a href="javascript:{_ACT}">tw-canary</a>',
    f'<a href="data:text/html,<script>{_ACT}</script>">tw-canary</a>',
    f'<form action="javascript:{_ACT}"><button>tw-canary</button></form>',
    f'<button formaction="javascript:{_ACT}">tw-canary</button>',
    f"<input autofocus onfocus={_ACT}>",
    f"<details open ontoggle={_ACT}>tw-canary</details>",
    f"<video><source onerror={_ACT}></video>",
    f"<audio src=x onerror={_ACT}>",
    f"<marquee onstart={_ACT}>tw-canary</marquee>",
    f'<meta http-equiv=refresh content="0;url=javascript:{_ACT}">',
    "<meta http-equiv=refresh content='0;url=//tw-canary.example/'>",
    "<base href=//tw-canary.example/>",
    "<link rel=stylesheet href=//tw-canary.example/x.css>",
    "<style>@import '//tw-canary.example/x.css';</style>",
    "<style>*{background:url(//tw-canary.example/x)}</style>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={_ACT}>",
    f"<template><script>{_ACT}</script></template>",
    f"</script><script>{_ACT}</script>",
    f"</title><script>{_ACT}</script>",
    f"</textarea><script>{_ACT}</script>",
    f"--><script>{_ACT}</script>",
    f"]]><script>{_ACT}</script>",
    f'"><script>{_ACT}</script>',
    f"'><script>{_ACT}</script>",
    f'" onmouseover="{_ACT}" x="',
    f"' onfocus='{_ACT}' autofocus x='",
    f"`-{_ACT}-`",
    f"${{{_ACT}}}",
    f'{{{{constructor.constructor("{_ACT}")()}}}}',
    "{{7*7}} tw-canary",
    "{% raw %}tw-canary{% endraw %}",
    f"javascript:{_ACT}",
    f"JaVaScRiPt:{_ACT}",
    f"java\tscript:{_ACT}",
    "data:text/html;base64,PHNjcmlwdD50dy1jYW5hcnk8L3NjcmlwdD4=#tw-canary",
    "vbscript:msgbox('tw-canary')",
    f"[tw-canary](javascript:{_ACT})",
    "[tw-canary](//tw-canary.example/)",
    "![tw-canary](//tw-canary.example/x.png)",
    f'![tw-canary](x"onerror="{_ACT})',
    f'<https://tw-canary.example/"onclick="{_ACT}>',
    f"```html\n<script>{_ACT}</script>\n``` tw-canary",
    "\u202etw-canary\u202c",
    "\u200btw-canary\ufeff",
    "tw-canary\x1b]8;;http://tw-canary.example/\x07link\x1b]8;;\x07",
    "tw-canary\x1b[31mred\x1b[2J\x1b[H",
    "tw-canary\roverwritten",
    '=HYPERLINK("http://tw-canary.example","tw-canary")',
    "&lt;script&gt;tw-canary&lt;/script&gt;",
    "%3Cscript%3Etw-canary%3C/script%3E",
    "\uff1cscript\uff1etw-canary",
)

DAG_FILE = """
import json, os
from airflow.sdk import DAG, Asset, Param, task

PAYLOADS = json.loads(os.environ["TW_PAYLOADS"])
ALL = "\\n\\n".join(PAYLOADS)

with DAG(
    "hostile", schedule=None, dag_display_name=PAYLOADS[0], description=ALL, doc_md=ALL,
    tags={p[:90] for p in PAYLOADS},
    owner_links={"team": "https://example.com/team"}, default_args={"owner": "team"},
    params={f"p{n}": Param(p, type="string", title=p, description=p, section=p) for n, p in enumerate(PAYLOADS)},
):
    @task(task_display_name=PAYLOADS[2], doc_md=ALL, outlets=[Asset("hostile asset", extra={"all": ALL})])
    def says(**context):
        for payload in PAYLOADS:
            print(payload)
        for n, payload in enumerate(PAYLOADS):
            context["ti"].xcom_push(f"key {n}", payload)
        return {"all": PAYLOADS, "<img src=x onerror=alert(1)>": ALL}

    @task(retries=0, trigger_rule="all_done")
    def fails():
        raise RuntimeError(ALL)

    @task(map_index_template="{{ task.op_kwargs['x'] }}")
    def many(x):
        return x

    @task(retries=0, trigger_rule="all_done")
    def why():
        raise RuntimeError("called like a tab")

    says() >> fails() >> why()
    many.expand(x=PAYLOADS[:12])
"""

ASKING_FILE = """
import json, os
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, Param

PAYLOADS = json.loads(os.environ["TW_PAYLOADS"])
ALL = "\\n\\n".join(PAYLOADS)

with DAG("asks", schedule=None):
    HITLOperator(
        task_id="asks", subject=PAYLOADS[0], body="{% raw %}" + ALL.replace("{% endraw %}", "") + "{% endraw %}",
        options=[f"{n} {p}" for n, p in enumerate(PAYLOADS[:6])],
        params={f"p{n}": Param(p, type="string", title=p, description=p) for n, p in enumerate(PAYLOADS[:20])},
    )
"""

BROKEN_FILE = """
import json, os
raise RuntimeError("\\n".join(json.loads(os.environ["TW_PAYLOADS"])))
"""
