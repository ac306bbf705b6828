"""The controllers, one file each, exporting CONTROLLER."""
