"""Families of nets: how wide, how deep, from picture to code and back. One file adds one."""
