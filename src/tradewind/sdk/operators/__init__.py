"""The operators that come with Tradewind. Importing one imports no other."""
