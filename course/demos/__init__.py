"""The figures and live parts of the lectures, one module a lecture."""
