"""Files and names of people, checked: JSON into types, names into paths, settings, locks."""
