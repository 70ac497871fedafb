"""The core as one script uses it: the nouns of the library as coroutines."""
