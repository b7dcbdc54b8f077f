"""Videos and masks as files: read, checked, drawn and written."""
