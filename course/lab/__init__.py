"""The laboratory: choose settings in widgets, watch runs train side by side."""

from course.lab.laboratory import Laboratory, laboratory

__all__ = ["Laboratory", "laboratory"]
