"""What the API says of itself: its OpenAPI document, and a page on which people read it and try it out.

Nothing here is made before somebody asks for it, and the page asks no other host for anything.
"""
