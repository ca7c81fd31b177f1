"""The topics that users may pick from."""
