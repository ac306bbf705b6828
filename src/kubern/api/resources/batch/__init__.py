"""The resources of the group batch."""
