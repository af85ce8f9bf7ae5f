"""Tasks: what is done to a clean picture in training, and to a picture of yours in use. One file adds one."""
