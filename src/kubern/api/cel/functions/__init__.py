"""The function libraries, one file each: LIBRARY says which overloads it has, how they run and what they cost."""
