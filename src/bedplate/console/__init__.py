"""The console as it was built: web files alone, which `api/console.py` serves. `make console`."""
