"""What all tests share: properties have no deadline, since a busy machine is not a fault."""

from hypothesis import settings

settings.register_profile("workbench", deadline=None)
settings.load_profile("workbench")
