"""The demo hospital: staff (`staff.py`), 就诊单元 (`units.py`), patients (`people.py`), and how they come into the books (`seed.py`)."""
