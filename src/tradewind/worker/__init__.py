"""Running attempts: the agent supervises, the template process and code hosts fork, task children execute.

`agent.py` decides and remembers, `service.py` gives it sockets and time; `template.py`, `code_host.py` and
`task_runner.py` are the processes below it. Author code is imported in code hosts and their children alone.
"""
