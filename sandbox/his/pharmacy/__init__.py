"""The hospital's pharmacy: its catalogue, prescriptions that come in, their price, and their dispensing [4b]."""
