"""What should happen: pure functions over plain records.

Nothing here reads a clock, draws a random number, opens a file or a socket, or imports anything but the standard
library. Time and identifiers are arguments.
"""
