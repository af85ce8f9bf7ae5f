"""Pages: one self-contained HTML file that opens offline."""
