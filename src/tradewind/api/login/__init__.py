"""Who somebody is: passwords, tokens and sessions, and the accounts and roles behind them.

What is asked for here is answered without a role: whoever logs in or out has none yet, or none any more.
"""
