"""Runs that are kept in object storage, such as s3://bucket/run: played in a folder here, and mirrored there."""
