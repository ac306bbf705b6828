"""What controllers go through in `test_killed.py`: each module has its stories by name."""
