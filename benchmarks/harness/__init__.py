"""What the benchmark rows stand on: installations of Tradewind and of its peers, PostgreSQL, process counts, figures.

Nothing here measures a row; nothing here is imported by the product.
"""
