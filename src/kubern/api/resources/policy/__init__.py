"""The resources of the group policy."""
