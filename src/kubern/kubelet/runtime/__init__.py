"""The container runtime contract and its CRI implementation."""
