"""What is answered and never kept, one file each: `REVIEW`."""
