"""The tables of the papers, measured here."""
