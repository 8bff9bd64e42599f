"""Telling a full disk from other failures."""

import errno

_FULL = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)}
"""No space left, the user's quota used up, the file larger than the file system takes."""


class FullDiskError(Exception):
    """What had to be kept does not fit; its message is one line."""


def full_disk_error(error: BaseException) -> OSError | None:
    """The system's own error if it, or what `error` came of, is that of a full disk; else None.

    `torch.save` tells of a failed write in words of its own, with the system's error only as what came before.
    """
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.errno in _FULL:
            return found
        found = found.__cause__ or found.__context__
    return None
