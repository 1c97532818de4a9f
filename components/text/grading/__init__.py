"""How well measured objects fit one condition: grades, properties, relations."""
