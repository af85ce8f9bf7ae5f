"""Priors: where new codes are drawn from, fitted on the codes after training. One file adds one."""
