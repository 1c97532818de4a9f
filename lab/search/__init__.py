"""Finding objects by words: the index of a scene, the panel of a browser, and heat.

Public, by module:

- `panel`: WordPanel
- `words`: build_word_lookup, checked_search_text, VOTING, with_names_and_scale, WordLookup, write_search
"""
