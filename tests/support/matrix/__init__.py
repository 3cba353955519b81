"""The access matrix: every field and mutation x every caller x every kind of id, and what must come of it.

What there is to walk is read off the schema and its guards; what must come of it is worked out by an oracle
of its own (`oracle`), which uses nothing of the product's permission code.
"""
