"""Measuring: metrics, the simple alternatives, intervals, and the verdict."""
