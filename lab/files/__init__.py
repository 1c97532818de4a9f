"""Files and names of people, checked: JSON into types, names into paths, settings, locks.

Public, by module:

- `config_records`: config_from_record, recorded_config, to_plain
- `disk`: disk_full_explained, is_disk_full
- `identifiers`: checked_key, checked_method, checked_name, checked_visitor_id, fresh_name, is_key, is_name, name_from,
    printable, visitor_id_is_valid
- `locks`: FileLock, lock_name
- `log_file`: open_log
- `reading`: CONTROL, from_json, from_plain, Misfit, plain_from_json, read_file
- `settings`: field_docstrings, Setting, settings_of
"""
