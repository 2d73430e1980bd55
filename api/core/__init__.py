"""The core's endpoints, one module per family of objects. What a plugin needs to declare its own is here too."""
