"""For the tests of applications that use the library: real servers as pytest fixtures."""
