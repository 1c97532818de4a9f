"""What this process has of the machine: memory, device, signals.

Public, by module:

- `device`: about_device, has_card, network_device, render_device
- `memory`: give_back, REST_SECS, share_arenas
- `signals`: CUT_SHORT, ended_within, GRACE_SECS, leave, NOTHING_KEPT, on_signals, stop, Stopped
"""
