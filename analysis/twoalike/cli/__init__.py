"""The command line: parses, calls, prints. Every verb is a module, imported when it is used."""
