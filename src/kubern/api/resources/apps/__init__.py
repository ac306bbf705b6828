"""The resources of the group apps."""
