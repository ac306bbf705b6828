"""The Service: defaults, what an update keeps, checks and columns."""
