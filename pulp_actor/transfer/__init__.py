"""Moving content between platforms that cannot reach each other: archives, and folders of plain files.

    archive.py     the archive as bytes: tar headers and members, strictly
    chunks.py      one stream over several files, and the table of contents that vouches for them
    contents.py    what an archive says of itself: its first and last members, and the lines in between
    exporting.py   repository versions -> archive
    importing.py   archive -> repository versions
    filesystem.py  a publication or a version -> a folder
"""
