"""The command line: `liftlab` and its commands.

Public, by module:

- `commands`: DEFAULT_PRESET, OpenVocab
- `models`: kept_sentence, model_statuses
- `support`: config_with, method_config, say, working
"""
