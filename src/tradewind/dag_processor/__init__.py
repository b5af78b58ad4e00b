"""Finds Dag files, has each parsed in a code host, and tells the owner what they define. Never imports them itself."""
