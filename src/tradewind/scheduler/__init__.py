"""The owner loop: read inputs, decide, commit, tell.

`owner.py` is the loop without any I/O but the store's; `service.py` drives it from asyncio over a private unix
socket. Author code never runs here.
"""
