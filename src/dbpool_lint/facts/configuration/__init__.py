"""With which options is an engine made? Arguments, dicts, settings, extensions and addresses."""
