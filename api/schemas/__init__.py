"""Marshmallow schemas: what an object looks like on the wire, read and written."""
