"""What can go wrong, by what a person can do about it. The texts are the program's own."""


class FlatscapeError(Exception):
    """Everything that this library raises on purpose."""


class UsageError(FlatscapeError, ValueError):
    """An argument or a configuration asks for something that is not possible."""


class DeviceError(FlatscapeError, RuntimeError):
    """No device that can do the work."""


class DataError(FlatscapeError, ValueError):
    """A file, or an array, is damaged or is not what it should be."""


class FileError(FlatscapeError, OSError):
    """The operating system refused to read or write."""


class RunError(FlatscapeError, RuntimeError):
    """The computation itself failed."""


class InternalError(FlatscapeError, RuntimeError):
    """An error in this library; please report it. The interpreter goes on."""


for _kind in (FlatscapeError, UsageError, DeviceError, DataError, FileError, RunError, InternalError):
    _kind.__module__ = "flatscape"
