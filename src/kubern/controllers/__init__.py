"""The controllers: pure decisions and the loop that carries them out."""
