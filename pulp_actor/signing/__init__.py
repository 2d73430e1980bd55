"""Signatures of what is published, made by scripts of the operator's: this platform never holds a private key.

    openpgp.py    asks gpg or sq for keys and verdicts
    services.py   registers, removes and runs signing services
"""
