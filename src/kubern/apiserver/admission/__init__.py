"""Admission plug-ins, one file each: `ADMISSION`."""
