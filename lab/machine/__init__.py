"""What this process has of the machine: memory, device, signals."""
