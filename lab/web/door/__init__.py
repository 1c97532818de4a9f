"""How the lab looks from outside (a proxy, a frame of another page), and what its door says.

Public, by module:

- `outside`: DEFAULT_PORTS, host_name, Outside, parse_outside, SECURE_OF, Unwrapped
- `words`
"""
