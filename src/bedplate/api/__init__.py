"""The HTTP edge: translate, authorize, call the App, translate back."""
