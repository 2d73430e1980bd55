"""Webhooks: an HTTP POST for what happens. The database writes the outbox; what stands there is sent until somebody has it.

    bodies.py     what is sent, and how it is signed
    delivery.py   sends what is due, and notes what came of it
    deliverer.py  the thread that does so, in one worker process at a time
"""
