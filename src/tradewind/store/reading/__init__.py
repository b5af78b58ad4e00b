"""Lists that people look at: one module per record, each read in a page at a time. Nothing here is used to decide."""
