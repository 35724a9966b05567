"""Where a catalog can lie: a local folder or S3, behind one contract."""
