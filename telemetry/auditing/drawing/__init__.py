"""Draws an audited life as a page: charts and tables from plain data, everything escaped."""
