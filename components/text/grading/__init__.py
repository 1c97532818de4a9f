"""How well measured objects fit one condition: grades, properties, relations.

Public, by module:

- `grades`: near, rising, Scores, soft
- `layout`: Layout
- `properties`: property_grade
- `relations`: between_grade, on_ground_grade, relation_grade
"""
