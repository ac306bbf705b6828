"""Defaults, checks and cells that several resources' declarations share. Pure functions over JSON-shaped objects."""
