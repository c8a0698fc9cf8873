"""The Bessemer service. Start at `app.py`."""
