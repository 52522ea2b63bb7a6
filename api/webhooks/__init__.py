"""Doors for machines: verified by their own wire's signature, stored in the inbox, answered, then knocked on."""
