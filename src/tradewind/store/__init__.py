"""The metadata database: tables, migrations, and queries named for their answers.

SQL lives here and nowhere else but in the CLI's quick readers. The owner's writes go through `Writer`, one commit a
batch; everything else only reads.
"""
