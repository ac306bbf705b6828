"""The core group's resources, one file each."""
