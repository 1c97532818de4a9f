"""Finding objects by words: measured attributes without weights, image-text models with them.

Public, by module:

- `attributes`: Attributes, extent_of, measure
- `encoder`: crop, CropConfig, embed_objects, object_crops, relevancy_of_text, TextImageEncoder
- `grammar`: parse, separate_texts
- `matching`: MATCHES, rank
- `names`: answers_to, callable_names, kind_of
- `open_clip`: build, load_encoder
- `query`: Named, Query
- `sentence_encoder`: chosen_text_encoder, read_sentence_encoder
- `things`: find_things, pieces_of_one_thing, put_together
- `vocabulary`: SILENT
- `word_vectors`: FILE, TextEncoder, word_vectors, WordVectors
- `words`: tokenise
"""
