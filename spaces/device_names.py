"""Names that Windows keeps for devices: no file or folder there can have one, with whatever ending."""

DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)


def is_device_name(name: str) -> bool:
    """Whether a file of this name would be a device on Windows."""
    return name.lower().split(".")[0].rstrip() in DEVICES
