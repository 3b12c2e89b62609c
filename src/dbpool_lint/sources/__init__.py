"""Which files are there, what do they say, and which statements of them matter?"""
