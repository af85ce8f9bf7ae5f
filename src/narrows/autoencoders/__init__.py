"""Kinds of autoencoder: what the code is and what the loss adds. One file adds one."""
