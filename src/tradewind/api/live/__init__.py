"""Live updates: the event log as it grows, told to whoever looks. One reader a process, from memory to all of them."""
