"""The worker's door: verified logs of many lives as two tables that a data library opens."""
