"""What the parts say to each other: messages, log lines, event names. Imports msgspec and nothing else.

The one definition of each; `docs/reference/protocol.md` explains them. No part talks to another in any other form.
"""
